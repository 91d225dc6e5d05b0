"""Who says what in a prompt, whatever its format: utterances joined into turns, neutralised after they are joined."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from conversation.messages import Role
from conversation.prompts.markers import neutralise
from conversation.prompts.retrieval import with_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conversation.prompts.parts import Source, Utterance


def speeches(
    utterances: Sequence[Utterance], sources: Sequence[Source], instruction: str | None, *, named: bool
) -> list[tuple[Role, str]]:
    """Role and words, in turn: no role twice in a row. The newest turn has the retrieval form where there is a task.

    What is said without an answer in between shares a turn, a line each; empty words have none. An empty answer is
    none, so it parts nothing.

    Raises ``ValueError`` for sources without an instruction, and for a role that is neither user nor assistant.
    """
    if sources and instruction is None:
        raise ValueError("sources: they stand only in a turn with an instruction. Give the instruction too.")
    spoken = [utterance for utterance in utterances if utterance.role == Role.USER or utterance.text.strip()]
    turns = [
        (
            Role(role),
            neutralise("\n".join(_line(utterance, named=named) for utterance in group if utterance.text.strip())),
        )
        for role, group in groupby(spoken, key=lambda utterance: utterance.role)
    ]
    if instruction is None:
        return turns
    task = with_sources(instruction, sources)
    if turns and turns[-1][0] is Role.USER:
        return [*turns[:-1], (Role.USER, f"{turns[-1][1]}\n{task}".lstrip("\n"))]
    return [*turns, (Role.USER, task)]


def _line(utterance: Utterance, *, named: bool) -> str:
    words = utterance.text.strip("\r\n")
    if not named or utterance.role != Role.USER:
        return words
    # A name of several lines could speak for the next person.
    name = " ".join((utterance.name or "").splitlines()).strip()
    return f"{name}: {words}" if name else words
