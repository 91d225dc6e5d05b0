"""Passwords as argon2id hashes. Two at once at most: each takes 64 MB and a good part of a second's work."""

from __future__ import annotations

import asyncio
import secrets
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

LEAST, LONGEST = 12, 1024
"""Characters of a password."""
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 32


class Busy(Exception):
    """So many passwords are being checked that this one is not waited for."""


class Unfit(Enum):
    """What is wrong with a new password."""

    SHORT = auto()
    LONG = auto()
    DIFFERENT = auto()
    """It was typed twice, and not the same."""
    NAME = auto()
    """It is the operator's name, or says little more."""


class Passwords:
    """Makes and checks hashes, in threads: the event loop goes on."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        # What a password is checked against where there is none, so that it takes as long.
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash to store. Raises ``Busy``."""
        return await self._in_turn(lambda: self._hasher.hash(password))

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Whether it is the password; False, after as long a time, where ``hashed`` is None. Raises ``Busy``."""
        if len(password) > LONGEST:
            password = ""
        if self._nobodys is None:
            self._nobodys = await self.hash(secrets.token_hex(16))
        against = hashed or self._nobodys

        def check() -> bool:
            try:
                return self._hasher.verify(against, password)
            except (VerifyMismatchError, VerificationError, InvalidHashError):
                return False

        return await self._in_turn(check) and hashed is not None

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= _MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._places:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def problem_of(password: str, again: str, name: str) -> Unfit | None:
    """What is wrong with a new password, if anything."""
    if password != again:
        return Unfit.DIFFERENT
    if len(password) < LEAST:
        return Unfit.SHORT
    if len(password) > LONGEST:
        return Unfit.LONG
    if len(password.casefold().replace(name.casefold(), "")) < LEAST // 2:
        return Unfit.NAME
    return None
