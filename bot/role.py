"""What a process does. On PostgreSQL there may be any number of each."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """``web`` receives messages and serves pages, ``worker`` answers, ``all`` does both."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"

    @property
    def receives(self) -> bool:
        """Whether messages come in here."""
        return self is not Role.WORKER

    @property
    def answers(self) -> bool:
        """Whether turns are answered here, so that the model server is needed."""
        return self is not Role.WEB
