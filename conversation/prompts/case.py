"""One prompt from a description: what ``plausch prompt`` reads and the golden prompts are written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from conversation.messages import Role, storable
from conversation.prompts import FORMATS
from conversation.prompts.parts import Source, Utterance

if TYPE_CHECKING:
    from conversation.ports import PromptFormat

_T = TypeVar("_T")
_KINDS: Mapping[type, str] = {str: "a text", bool: "true or false", list: "a list", dict: "an object"}


def case_prompt(case: object) -> str:
    """The rendered prompt of a case: an object with ``system`` and ``turns``, in JSON's types.

    A turn has ``role``, ``text`` and, where wanted, ``name``. ``named`` (several people talk), ``sources`` (``text``,
    ``metadata``), ``instruction`` and ``format`` may be left out; the format is Vicuna then. Other fields are passed
    over. Raises ``ValueError``, whose text names the field and the cure.
    """
    fields = _object(case, "the case")
    turns = [_utterance(turn, f"turns[{at}]") for at, turn in enumerate(_needed(fields, "turns", list))]
    sources = [_source(source, f"sources[{at}]") for at, source in enumerate(_given(fields, "sources", list) or [])]
    instruction = _given(fields, "instruction", str)
    if sources and instruction is None:
        raise ValueError("instruction: missing. Sources need the question that they shall answer.")
    if instruction is None and not (turns and turns[-1].role == Role.USER):
        raise ValueError('turns: nothing to answer. Let the last turn have the role "user", or give an instruction.')
    return _format(fields).render(
        storable(_needed(fields, "system", str)),
        turns,
        sources,
        None if instruction is None else storable(instruction),
        named=_given(fields, "named", bool) or False,
    )


def _format(fields: Mapping[str, object]) -> PromptFormat:
    name = _given(fields, "format", str) or "vicuna"
    if name not in FORMATS:
        raise ValueError(f"format: there is none called {name!r}. Choose one of: {', '.join(FORMATS)}.")
    return FORMATS[name]


def _utterance(turn: object, where: str) -> Utterance:
    fields = _object(turn, where)
    role = _needed(fields, "role", str, where)
    if role not in set(Role):
        raise ValueError(f'{where}.role: {role!r} is no role. Write "user" or "assistant".')
    name = _given(fields, "name", str, where)
    text = storable(_needed(fields, "text", str, where))
    return Utterance(role, text, None if name is None else storable(name))


def _source(source: object, where: str) -> Source:
    fields = _object(source, where)
    metadata = _given(fields, "metadata", dict, where) or {}
    for key, value in metadata.items():
        _checked(value, str, f"{where}.metadata[{key!r}]")
    text = storable(_needed(fields, "text", str, where))
    return Source(text, {storable(key): storable(value) for key, value in metadata.items()})


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: it must be an object, as {{…}} in JSON.")  # noqa: TRY004 - the value's error, not the caller's
    return value


def _needed(fields: Mapping[str, object], name: str, kind: type[_T], where: str = "") -> _T:
    value = _given(fields, name, kind, where)
    if value is None:
        raise ValueError(f"{_path(where, name)}: missing. Give {_KINDS[kind]}.")
    return value


def _given(fields: Mapping[str, object], name: str, kind: type[_T], where: str = "") -> _T | None:
    value = fields.get(name)
    return None if value is None else _checked(value, kind, _path(where, name))


def _checked(value: object, kind: type[_T], where: str) -> _T:
    if not isinstance(value, kind):
        raise ValueError(f"{where}: it must be {_KINDS[kind]}, not {value!r:.40}.")  # noqa: TRY004 - see _object
    return value


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
