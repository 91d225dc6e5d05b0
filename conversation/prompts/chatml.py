"""ChatML: what the small model of the demo was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conversation.prompts.speech import speeches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conversation.prompts.parts import Source, Utterance


class ChatML:
    """A block for the system prompt (none where it is empty), one for each turn, and the beginning of the answer's."""

    name = "chatml"

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
        blocks = [("system", system)] if system else []
        blocks += speeches(utterances, sources, instruction, named=named)
        said = "".join(f"<|im_start|>{role}\n{words}<|im_end|>\n" for role, words in blocks)
        return f"{said}<|im_start|>assistant\n"

    def stops(self) -> Sequence[str]:
        """Tokens of the format's own, which mean nothing else. Some servers know only ``<|endoftext|>`` as the end."""
        return ("<|im_end|>", "<|im_start|>")
