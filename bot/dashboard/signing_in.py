"""Signing in: the same answer after the same time, whoever was meant."""

from __future__ import annotations

import ipaddress
import json
from enum import Enum, auto
from typing import TYPE_CHECKING

from adapters.stores.sql.operator_names import folded
from bot.dashboard.passwords import Busy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from adapters.stores.sql.operators import Operator, SqlOperators
    from adapters.stores.sql.sign_ins import SqlSignIns
    from bot.dashboard.passwords import Passwords

_LONGEST_NAME = 200
# Failures before pauses begin. Only many from many places make a name's owner wait, so that nobody is shut out for fun.
_FROM_ONE_PLACE, _OF_ONE_NAME, _OF_ONE_NAME_FROM_ONE_PLACE = 20, 50, 5
_BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari", "curl")
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "CrOS", "Linux")
_CALLED = {"Edg": "Edge", "OPR": "Opera", "Mac OS X": "macOS", "CrOS": "ChromeOS"}


class Refused(Enum):
    """Why nobody was signed in."""

    WRONG = auto()
    """The name, the password, or both."""
    TOO_OFTEN = auto()
    """It was tried too often in vain."""
    BUSY = auto()
    """Too many passwords are being checked."""


class SigningIn:
    """Checks names and passwords."""

    def __init__(self, operators: SqlOperators, sign_ins: SqlSignIns, passwords: Passwords) -> None:
        self._operators = operators
        self._sign_ins = sign_ins
        self._passwords = passwords

    async def sign_in(self, name: str, password: str, request: Request) -> str | Refused:
        """The secret for the cookie, or why there is none."""
        name, address = name[:_LONGEST_NAME], address_of(request)
        limits = _counted(name, address)
        if not await self._sign_ins.may_try(limits):
            return Refused.TOO_OFTEN
        operator = await self._operators.named(name)
        hashed = await self._operators.password_of(operator.id) if operator else None
        try:
            is_right = await self._passwords.matches(hashed, password)
        except Busy:
            return Refused.BUSY
        if operator is None or not is_right:
            await self._sign_ins.failed(operator, name, address, list(limits))
            return Refused.WRONG
        await self._sign_ins.forgive(*list(limits)[1:])
        # A password that was changed while it was checked is one no more.
        return await self.begin(operator, hashed, request) or Refused.WRONG

    async def begin(self, operator: Operator, hashed: str | None, request: Request) -> str | None:
        """Sign in who knows the password of this hash; the secret for the cookie."""
        return await self._sign_ins.begin(operator, hashed, browser_of(request), address_of(request))

    async def proven(self, operator: Operator, password: str, request: Request) -> str | None:
        """The password's hash, if somebody who is signed in knows it, too. Failures count. Raises ``Busy``."""
        address = address_of(request)
        limits = _counted(operator.name, address)
        if not await self._sign_ins.may_try(limits):
            return None
        hashed = await self._operators.password_of(operator.id)
        if await self._passwords.matches(hashed, password):
            return hashed
        await self._sign_ins.failed(operator, operator.name, address, list(limits))
        return None


def _counted(name: str, address: str) -> Mapping[str, int]:
    """What failures are counted for, the place first, each with its limit."""
    place, whose = _neighbourhood(address), folded(name)
    # As lists, since a name may read like a sentence of ours.
    return {
        json.dumps(["from", place]): _FROM_ONE_PLACE,
        json.dumps(["of", whose]): _OF_ONE_NAME,
        json.dumps(["of", whose, "from", place]): _OF_ONE_NAME_FROM_ONE_PLACE,
    }


def _neighbourhood(address: str) -> str:
    """The address; of IPv6 the network, since one customer has 2⁶⁴ addresses."""
    try:
        return str(ipaddress.ip_network((ipaddress.IPv6Address(address), 64), strict=False))
    except ValueError:
        return address


def address_of(request: Request) -> str:
    """Where the request comes from; behind a proxy on this machine, what that says."""
    return request.client.host if request.client else ""


def browser_of(request: Request) -> str:
    """The browser and its system, as far as a person would name them; nothing of what it says is kept as it is."""
    says = request.headers.get("user-agent", "")
    browser = next((known for known in _BROWSERS if known in says), "")
    system = next((known for known in _SYSTEMS if known in says), "")
    return ", ".join(_CALLED.get(word, word) for word in (browser, system) if word)
