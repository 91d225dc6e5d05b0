"""The inbox as plain Python: what it promises, small enough to be seen to be right."""

from __future__ import annotations

from dataclasses import dataclass, field

LIMIT = 3
"""How many turns may wait in a room."""


@dataclass(slots=True)
class ModelTurn:
    """A turn. ``failures`` as the inbox counts them."""

    position: int
    command: str | None
    state: str = "open"
    stop: bool = False
    failures: int = 0
    claims: int = 0
    revision: int = 1
    parked: bool = False
    """Whether its newest ending says that it was put aside."""

    @property
    def waits(self) -> bool:
        """Whether it still wants its end."""
        return self.state in {"open", "decided"}

    def retry(self) -> bool:
        """Open it again; whether that could be."""
        if self.waits or not self.parked:
            return False
        self.state, self.stop, self.failures, self.parked = "open", False, 0, False
        self.revision += 1
        return True


@dataclass(slots=True)
class ModelRoom:
    """A conversation. ``held_by`` is the fence that may write, ``leased`` whether others have to wait for it."""

    turns: list[ModelTurn] = field(default_factory=list)
    known: dict[tuple[str, str], ModelTurn | None] = field(default_factory=dict)
    fence: int = 0
    held_by: int = 0
    leased: bool = False
    paused: bool = False
    took_over: bool = False
    since: int = 1
    lined_up: int = 0
    """When it came to the end of the line."""

    @property
    def oldest(self) -> ModelTurn | None:
        """The turn that is next."""
        return next((turn for turn in self.turns if turn.waits), None)

    @property
    def can_be_claimed(self) -> bool:
        """Whether a worker gets it now."""
        return self.oldest is not None and not self.leased and not self.paused

    @property
    def is_quick(self) -> bool:
        """Whether its next turn needs no model."""
        return self.oldest is not None and self.oldest.command is not None

    @property
    def in_line(self) -> tuple[bool, bool, int]:
        """The smallest is next: first whoever's lease ran out, then what is quick, then whoever waits longest."""
        ran_out = bool(self.held_by)
        return not ran_out, not ran_out and not self.is_quick, self.lined_up

    def put(
        self, identity: str, edit: str, command: str | None, *, addressed: bool, now: int
    ) -> tuple[bool, list[int]]:
        """Whether the message was new, and the positions that it stopped."""
        if (identity, edit) in self.known:
            return False, []
        if command == "stop" and (running := [turn for turn in self.turns if turn.state == "open"]):
            for turn in running:
                turn.stop = True
            self.paused = False
            self.known[identity, edit] = None
            return True, [turn.position for turn in running]
        if self.oldest is None:
            self.lined_up = now
        self.known[identity, edit] = self._turn(identity, edit, command, addressed=addressed)
        return True, []

    def _turn(self, identity: str, edit: str, command: str | None, *, addressed: bool) -> ModelTurn | None:
        if edit:
            return self.known.get((identity, ""))
        if not addressed:
            return None
        if command is None and sum(turn.waits and turn.command != "full" for turn in self.turns) >= LIMIT:
            notice = next((turn for turn in self.turns if turn.state == "open" and turn.command == "full"), None)
            if notice is not None:
                return notice
            command = "full"
        self.turns.append(ModelTurn(len(self.turns) + 1, command))
        return self.turns[-1]

    def claim(self) -> tuple[ModelTurn, bool]:
        """Give the oldest turn to a worker; whether a lease had run out since the last one was over."""
        turn = self.oldest
        assert turn is not None
        assert self.can_be_claimed
        self.took_over = self.took_over or bool(self.held_by)
        self.fence += 1
        self.held_by, self.leased = self.fence, True
        turn.claims += 1
        return turn, self.took_over

    def free(self, now: int, *, paused: bool = False, back: bool = True) -> None:
        """Nobody holds it; ``back``: it goes to the end of the line."""
        to_be_stopped = any(turn.state == "open" and turn.stop for turn in self.turns)
        self.held_by, self.leased, self.paused = 0, False, paused and not to_be_stopped
        if back:
            self.lined_up = now
