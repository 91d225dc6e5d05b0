"""One turn: history → prompt → stream → answer."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from conversation.commands import Command
from conversation.errors import ModelServerError, ModelServerRefused, PromptTooLong, StreamBroken
from conversation.generation import Finish, FinishReason
from conversation.messages import storable
from conversation.prompting import Prompt, Prompting
from conversation.stops import StopWatch
from conversation.texts import texts_for
from conversation.turns import Ending, EndingKind, Exchange
from conversation.window import MessageTooLong

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from conversation.answering import Answering
    from conversation.ports import Clock, ModelServer
    from conversation.profiles import ModelProfile, Persona
    from conversation.turns import Record

_NOT_DONE = (FinishReason.TOKENS, FinishReason.CUT)


class Dialogue:
    """Answers turns with one model. It holds nothing of any conversation."""

    def __init__(
        self,
        model: ModelServer,
        profile: ModelProfile,
        persona: Persona,
        clock: Clock,
        digest: Callable[[str], str],
    ) -> None:
        self._model = model
        self._profile = profile
        self._persona = persona
        self._clock = clock
        self._digest = digest
        self._prompting = Prompting(model, profile, persona, clock)

    async def command(self, answering: Answering) -> Ending:
        """What a command says. A fresh start takes effect with the ending's commit."""
        texts = texts_for(answering.locale)
        match answering.claim.command:
            case Command.NEW:
                return replace(answering.ending(EndingKind.NOTICE, trail=texts.afresh), starts_afresh=True)
            case Command.STOP:
                return answering.ending(EndingKind.NOTICE, trail=texts.nothing_to_stop)
            case Command.FULL:
                return answering.ending(EndingKind.REFUSED, trail=texts.full)
            case Command.ABOUT:
                return answering.ending(EndingKind.NOTICE, trail=await self._about(answering))
            case _:
                return answering.ending(EndingKind.NOTICE, trail=texts.help)

    async def answer(self, answering: Answering, past: Sequence[Exchange]) -> AsyncGenerator[str | Ending, None]:
        """Yield each piece of text as it may be shown, then exactly one ``Ending``.

        Raises the model server's errors where nothing was shown yet and asking again later may help.
        """
        texts = texts_for(answering.locale)
        if not any(message.text.strip() for message in answering.claim.messages):
            yield _nothing_said(answering)
            return
        try:
            prompt = await self._prompting.prompt(answering, past)
        except MessageTooLong as too_long:
            trail = texts.too_long.format(tokens=too_long.tokens, budget=too_long.budget)
            yield answering.ending(EndingKind.REFUSED, trail=trail)
            return
        self._keep_record(answering, prompt)
        try:
            async with contextlib.aclosing(self._stream(answering, prompt)) as pieces:
                async for piece in pieces:
                    yield piece
        except ModelServerRefused:
            yield answering.refused()
            return
        except PromptTooLong:
            # The server counts otherwise than we did: without any history, or not at all.
            if not past:
                yield answering.refused()
                return
            # The window begins with this turn then, so that the next one need not find it out again.
            answering.claim = replace(answering.claim, since=answering.claim.position)
            async with contextlib.aclosing(self.answer(answering, [])) as again:
                async for event in again:
                    yield event
            return
        yield answering.ending(EndingKind.ANSWER, answering.text, _trail(answering))

    async def _about(self, answering: Answering) -> str:
        try:
            model = (await self._model.describe()).name
        except ModelServerError:
            model = ""
        licence = self._profile.licence_for(answering.locale)
        return texts_for(answering.locale).about.format(model=model or self._profile.called, licence=licence)

    def _keep_record(self, answering: Answering, prompt: Prompt) -> None:
        record = answering.record
        record.model, record.profile = prompt.model, self._profile.name
        record.system_prompt = self._persona.system_prompt
        record.sampling = {name: value for name, value in asdict(prompt.sampling).items() if value is not None}
        record.prompt_digest = self._digest(prompt.text)
        record.cut = prompt.cut

    async def _stream(
        self, answering: Answering, prompt: Prompt, *, may_ask_again: bool = True
    ) -> AsyncGenerator[str, None]:
        """The pieces that may be shown. A stream that broke before the first of them is asked for once more.

        Raises ``StreamBroken`` only where nothing was shown; else the answer counts as cut.
        """
        record, watch, now = answering.record, StopWatch(), self._clock.now
        record.requested_at, record.first_token_at, record.last_token_at = now(), None, None
        try:
            async with contextlib.aclosing(self._model.stream(prompt.text, prompt.sampling)) as events:
                async for event in events:
                    if isinstance(event, Finish):
                        record.finish = event.reason
                        record.prompt_tokens, record.answer_tokens = event.prompt_tokens, event.answer_tokens
                        break
                    record.last_token_at = now()
                    record.first_token_at = record.first_token_at or record.last_token_at
                    # Models can write NUL, which no database takes: some vocabularies have a token for each byte.
                    if not event.special and (piece := watch.feed(storable(event.text))):
                        answering.pieces.append(piece)
                        yield piece
                    if watch.ended:
                        break
        except StreamBroken:
            if answering.pieces:
                record.finish = FinishReason.CUT
            elif may_ask_again:
                async with contextlib.aclosing(self._stream(answering, prompt, may_ask_again=False)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            else:
                raise
        if rest := _rest(watch, record):
            answering.pieces.append(rest)
            yield rest


def _rest(watch: StopWatch, record: Record) -> str:
    """What of the answer was held back to its end."""
    rest = watch.close(cut=record.finish in _NOT_DONE)
    if watch.ended:
        record.finish = FinishReason.ROLE_WORD
    return rest


def _nothing_said(answering: Answering) -> Ending:
    """What to say where there are no words: files alone, or nothing but our name."""
    texts = texts_for(answering.locale)
    if any(message.attachments for message in answering.claim.messages):
        return answering.ending(EndingKind.REFUSED, trail=texts.only_files)
    return answering.ending(EndingKind.NOTICE, trail=texts.help)


def _trail(answering: Answering) -> str:
    texts = texts_for(answering.locale)
    if not answering.text:
        return texts.no_words
    match answering.record.finish:
        case FinishReason.CUT:
            return texts.cut
        case FinishReason.TOKENS:
            return texts.tokens_used_up
        case _:
            return ""
