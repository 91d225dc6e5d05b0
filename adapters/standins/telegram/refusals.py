"""How the Bot API says no."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Refusal(Exception):
    """An answer with ``ok: false``. ``retry_after`` is in seconds; ``migrate_to`` the chat that took over."""

    def __init__(self, status: int, description: str, *, retry_after: int = 0, migrate_to: int = 0) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after
        self.migrate_to = migrate_to

    def body(self) -> Json:
        """What stands in the answer."""
        body: Json = {"ok": False, "error_code": self.status, "description": self.description}
        if self.retry_after:
            body["parameters"] = {"retry_after": self.retry_after}
        if self.migrate_to:
            body["parameters"] = {"migrate_to_chat_id": self.migrate_to}
        return body

    def headers(self) -> dict[str, str]:
        """The server repeats the pause as a header (Query.cpp)."""
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}


def bad_request(text: str) -> Refusal:
    """400 in the server's words."""
    return Refusal(400, f"Bad Request: {text}")


def forbidden(text: str) -> Refusal:
    """403 in the server's words."""
    return Refusal(403, f"Forbidden: {text}")


def conflict(text: str) -> Refusal:
    """409 in the server's words."""
    return Refusal(409, f"Conflict: {text}")


def too_many_requests(retry_after: int) -> Refusal:
    """429 with the pause in whole seconds."""
    return Refusal(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def migrated(new_chat_id: int) -> Refusal:
    """The group is a supergroup now, under another id."""
    return Refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to=new_chat_id)
