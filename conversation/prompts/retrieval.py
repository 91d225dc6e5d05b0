"""The retrieval form of the newest turn, as EM German was trained on it (it is Airoboros's).

One block for each source, then the task. The space after ``ENDCONTEXT`` is the training data's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conversation.prompts.markers import neutralise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conversation.prompts.parts import Source


def with_sources(instruction: str, sources: Sequence[Source]) -> str:
    """The words of the newest turn: sources and task between their tags, all that they hold neutralised."""
    task = neutralise(instruction.strip("\r\n"))
    return "".join(f"{_block(source)}\n" for source in sources) + f"BEGININSTRUCTION {task} ENDINSTRUCTION"


def _block(source: Source) -> str:
    context = "".join(f"{neutralise(_entry(key, value))}\n" for key, value in source.metadata.items())
    text = neutralise(source.text.strip("\r\n"))
    return f"BEGININPUT\nBEGINCONTEXT\n{context}ENDCONTEXT \n{text}\nENDINPUT"


def _entry(key: str, value: str) -> str:
    """One line, so that a value can't pass for the next entry."""
    return " ".join(f"{key}: {value}".splitlines())
