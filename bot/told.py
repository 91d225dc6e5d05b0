"""Who has been told to wait for the model server."""

from __future__ import annotations

from collections import OrderedDict


class Told:
    """The turns whose person has been told, the newest ``size`` of them.

    A turn may end in another process, which tells nobody here, so the one that tried longest ago makes room. Whoever is
    told again, for that or after a restart, sees no difference: it is the same text in the same message.
    """

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._turns: OrderedDict[str, None] = OrderedDict()

    def is_new(self, turn_id: str) -> bool:
        """Whether this turn's person has not been told yet; from now on they have."""
        new = turn_id not in self._turns
        self._turns[turn_id] = None
        self._turns.move_to_end(turn_id)
        if len(self._turns) > self._size:
            self._turns.popitem(last=False)
        return new

    def forget(self, turn_id: str) -> None:
        """The turn is over."""
        self._turns.pop(turn_id, None)
