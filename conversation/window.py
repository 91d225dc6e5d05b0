"""Which turns fit the token budget."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from conversation.errors import PlauschError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conversation.turns import Exchange


class MessageTooLong(PlauschError):
    """The newest message alone does not fit. ``tokens`` it takes, ``budget`` there is."""

    def __init__(self, tokens: int, budget: int) -> None:
        super().__init__(f"{tokens} tokens, room for {budget}")
        self.tokens = tokens
        self.budget = budget


@dataclass(frozen=True, slots=True)
class Counted:
    """A past exchange and the tokens that it takes in a prompt."""

    exchange: Exchange
    tokens: int


def fit(past: Sequence[Counted], newest: int, budget: int) -> Sequence[Exchange]:
    """The exchanges that go into the prompt beside the newest message, which takes ``newest`` tokens.

    Over budget, the window is cut to half of it at a turn's border: so the prompts of many turns begin alike, which the
    server's prefix cache needs (measured: half the work of dropping one turn at a time).
    """
    if newest > budget:
        raise MessageTooLong(newest, budget)
    if newest + sum(one.tokens for one in past) <= budget:
        return [one.exchange for one in past]
    return _newest_within(past, budget // 2 - newest)


def _newest_within(past: Sequence[Counted], room: int) -> Sequence[Exchange]:
    taken = accumulate(one.tokens for one in reversed(past))
    fitting = sum(tokens <= room for tokens in taken)
    return [one.exchange for one in past[len(past) - fitting :]]
