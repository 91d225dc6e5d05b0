"""The inbox as plain Python: what it promises, small enough to be seen to be right."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class ModelTurn:
    """A turn. ``failures`` as the inbox counts them."""

    position: int
    command: str | None
    state: str = "open"
    stop: bool = False
    failures: int = 0
    claims: int = 0

    @property
    def waits(self) -> bool:
        """Whether it still wants its end."""
        return self.state in {"open", "decided"}


@dataclass(slots=True)
class ModelRoom:
    """A conversation. ``held_by`` is the fence that may write, ``leased`` whether others have to wait for it."""

    turns: list[ModelTurn] = field(default_factory=list)
    known: dict[tuple[str, str], ModelTurn | None] = field(default_factory=dict)
    fence: int = 0
    held_by: int = 0
    leased: bool = False
    paused: bool = False
    since: int = 1

    @property
    def oldest(self) -> ModelTurn | None:
        """The turn that is next."""
        return next((turn for turn in self.turns if turn.waits), None)

    @property
    def can_be_claimed(self) -> bool:
        """Whether a worker gets it now."""
        return self.oldest is not None and not self.leased and not self.paused

    def put(self, identity: str, edit: str, command: str | None, *, addressed: bool) -> tuple[bool, list[int]]:
        """Whether the message was new, and the positions that it stopped."""
        if (identity, edit) in self.known:
            return False, []
        if command == "stop" and (running := [turn for turn in self.turns if turn.state == "open"]):
            for turn in running:
                turn.stop = True
            self.paused = False
            self.known[identity, edit] = None
            return True, [turn.position for turn in running]
        self.known[identity, edit] = self._turn(identity, edit, command, addressed=addressed)
        return True, []

    def _turn(self, identity: str, edit: str, command: str | None, *, addressed: bool) -> ModelTurn | None:
        if edit:
            return self.known.get((identity, ""))
        if not addressed:
            return None
        self.turns.append(ModelTurn(len(self.turns) + 1, command))
        return self.turns[-1]

    def claim(self) -> ModelTurn:
        """Give the oldest turn to a worker."""
        turn = self.oldest
        assert turn is not None
        assert self.can_be_claimed
        self.fence += 1
        self.held_by, self.leased = self.fence, True
        turn.claims += 1
        return turn

    def free(self, *, paused: bool = False) -> None:
        """Nobody holds it."""
        self.held_by, self.leased, self.paused = 0, False, paused
