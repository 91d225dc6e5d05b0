"""Who we are in the workspace that the bot token belongs to."""

from __future__ import annotations

from dataclasses import dataclass

NEEDED_SCOPES = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "chat:write",
        "commands",
        "groups:history",
        "im:history",
        "users:read",
    }
)
"""As in ``deploy/slack-manifest.yaml``."""


@dataclass(frozen=True, slots=True)
class Account:
    """What ``auth.test`` told. ``scopes`` is empty where Slack did not tell them."""

    team: str
    bot_user: str
    bot_id: str = ""
    scopes: frozenset[str] = frozenset()

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """Scopes that the manifest asks for and the token lacks."""
        return tuple(sorted(NEEDED_SCOPES - self.scopes)) if self.scopes else ()
