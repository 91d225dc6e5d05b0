"""Vicuna v1.1: what EM German was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conversation.messages import Role
from conversation.prompts.speech import speeches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conversation.prompts.parts import Source, Utterance


class Vicuna:
    """``system USER: words ASSISTANT: words</s>USER: words ASSISTANT:``; the server puts the start token before it."""

    name = "vicuna"

    def render(
        self,
        system: str,
        utterances: Sequence[Utterance],
        sources: Sequence[Source] = (),
        instruction: str | None = None,
        *,
        named: bool = False,
    ) -> str:
        """The prompt, up to where the answer begins. Raises ``ValueError`` for sources without an instruction."""
        said = [
            f"USER: {words} " if role is Role.USER else f"ASSISTANT: {words}</s>"
            for role, words in speeches(utterances, sources, instruction, named=named)
        ]
        return "".join((f"{system} " if system else "", *said, "ASSISTANT:"))

    def stops(self) -> Sequence[str]:
        """None: each of the format's words may stand in a code block (``POSTGRES_USER:``, ``<s>…</s>``).

        The end token ends the stream without one, and ``StopWatch`` sees the words.
        """
        return ()
