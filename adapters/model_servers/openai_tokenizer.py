"""``/tokenize`` as vLLM, SGLang and llama.cpp have it, which is not in OpenAI's API and differs between them."""

from __future__ import annotations

from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING

from adapters.model_servers.counting import Counts, estimate
from adapters.model_servers.events import whole
from conversation.errors import ModelServerError

if TYPE_CHECKING:
    from adapters.model_servers.wire import Wire

_COUNT_SECONDS = 5.0
_NOT_NOW = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}


class _Form(Enum):
    """What the server takes, as far as it is known."""

    UNKNOWN = auto()
    PROMPT = auto()
    """``{"prompt": …}`` → ``{"count": …}``: vLLM, SGLang."""
    CONTENT = auto()
    """``{"content": …}`` → ``{"tokens": […]}``: llama.cpp."""
    NONE = auto()


class Tokenizer:
    """Counts by whatever form the server turns out to take, asked once for a text; else an estimate."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._form = _Form.UNKNOWN
        self._counts = Counts()

    async def count(self, text: str, model: str | None) -> int:
        """The tokens of the text, the beginning token included."""
        if (known := self._counts.get(text)) is not None:
            return known
        try:
            counted = await self._ask(text, model)
        except ModelServerError:
            return estimate(text)
        if counted is None:
            return estimate(text)
        self._counts.put(text, counted)
        return counted

    async def _ask(self, text: str, model: str | None) -> int | None:
        if self._form in {_Form.UNKNOWN, _Form.PROMPT}:
            counted = await self._by_prompt(text, model)
            if counted is not None:
                self._form = _Form.PROMPT
                return counted
        if self._form in {_Form.UNKNOWN, _Form.CONTENT}:
            counted = await self._by_content(text)
            if counted is not None:
                self._form = _Form.CONTENT
                return counted
        # Both were understood and neither was known: nobody needs to ask again.
        self._form = _Form.NONE if self._form is _Form.UNKNOWN else self._form
        return None

    async def _by_prompt(self, text: str, model: str | None) -> int | None:
        answer = await self._post({"prompt": text} if model is None else {"model": model, "prompt": text})
        # llama.cpp knows no "prompt" here, and answers with an empty list of tokens and no count.
        return whole(answer.get("count"))

    async def _by_content(self, text: str) -> int | None:
        tokens = (await self._post({"content": text, "add_special": True})).get("tokens")
        return len(tokens) if isinstance(tokens, list) else None

    async def _post(self, body: dict[str, object]) -> dict[str, object]:
        reply = await self._wire.ask("POST", "/tokenize", body, _COUNT_SECONDS)
        if reply.status in _NOT_NOW or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise self._wire.error(reply, reply.text)
        answer = reply.json
        return answer if isinstance(answer, dict) else {}
