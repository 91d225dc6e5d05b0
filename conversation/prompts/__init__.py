"""Prompt formats, by the name that a model profile or a case gives."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from conversation.prompts.chatml import ChatML
from conversation.prompts.vicuna import Vicuna

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conversation.ports import PromptFormat

_ALL: tuple[PromptFormat, ...] = (Vicuna(), ChatML())

FORMATS: Mapping[str, PromptFormat] = MappingProxyType({form.name: form for form in _ALL})
