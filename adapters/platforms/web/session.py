from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conversation.messages import Author, ConversationKey

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

COOKIE = "plausch_session"
_SECRET = re.compile(r"[A-Za-z0-9_-]{22}")
_SECONDS_KEPT = 180 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's conversation. ``secret`` (128 random bits) is the only key to it and is stored nowhere: what the
    database holds are digests of it, which open nothing.
    """

    secret: str

    @property
    def conversation(self) -> ConversationKey:
        """The key of the browser's conversation."""
        return ConversationKey("web", "web", "", self._digest("conversation"))

    def author(self, locale: str) -> Author:
        """Whoever sits before the browser; the id can't be traced to the conversation's key either."""
        return Author(id=self._digest("person"), locale=locale)

    def identity(self, message_id: str) -> str:
        """A message's own identity: the same however often the page sends it."""
        return f"{self.conversation.thread}:{message_id}"

    def _digest(self, what: str) -> str:
        return hashlib.sha256(f"plausch web {what}\0{self.secret}".encode()).hexdigest()[:32]


def fresh_session() -> Session:
    """A session for a browser that has none."""
    return Session(secrets.token_urlsafe(16))


def session_of(request: Request) -> Session | None:
    """The session that the request's cookie opens, if it has a well-formed one."""
    secret = request.cookies.get(COOKIE, "")
    return Session(secret) if _SECRET.fullmatch(secret) else None


def keep(session: Session, request: Request, response: Response) -> None:
    """Set or prolong the cookie.

    ``Lax``, not ``Strict``: under ``Strict`` a link from elsewhere to the page arrives without the cookie, and the
    fresh one set then would throw the conversation away. Requests that change something check their origin besides.
    Other ports of one loopback host are the same site, so the page works in the sandbox's frame.
    """
    response.set_cookie(
        COOKIE,
        session.secret,
        max_age=_SECONDS_KEPT,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
