"""What the tokens are good for: signing in, opening a socket. A token that Slack refuses is a wrong setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from adapters.platforms.slack.account import Account
from adapters.platforms.slack.calls import TokenRefused, ask
from conversation.errors import SettingWrong, Undeliverable

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

BOT_TOKEN: Final = "PLAUSCH_SLACK_BOT_TOKEN"  # noqa: S105 - a setting's name, no secret
APP_TOKEN: Final = "PLAUSCH_SLACK_APP_TOKEN"  # noqa: S105 - a setting's name, no secret

_BOT_CURE = (
    'Copy the "Bot User OAuth Token" (xoxb-…) from "OAuth & Permissions" at https://api.slack.com/apps; '
    "if the app is not installed in the workspace, install it there first."
)
_APP_CURE = (
    'Make an app-level token (xapp-…) with the scope connections:write under "Basic Information" at '
    "https://api.slack.com/apps, and switch Socket Mode on."
)
_SCOPES_CURE = "Put deploy/slack-manifest.yaml into the app's manifest and install the app again."


async def sign_in(client: AsyncWebClient) -> Account:
    """Who the bot token is. Raises ``SettingWrong``, ``PlatformUnreachable``, ``TooFast``."""
    try:
        answer = await ask(client.auth_test())
    except (TokenRefused, Undeliverable) as refusal:
        raise SettingWrong(BOT_TOKEN, f"Slack refuses it ({_code(refusal)}).", _BOT_CURE) from None
    scopes = str(answer.headers.get("x-oauth-scopes", ""))
    return Account(
        team=str(answer["team_id"]),
        bot_user=str(answer["user_id"]),
        bot_id=str(answer.get("bot_id") or ""),
        scopes=frozenset(scope.strip() for scope in scopes.split(",") if scope.strip()),
    )


async def open_socket(client: AsyncWebClient, app_token: str) -> str:
    """A one-time address for a socket. Raises ``SettingWrong``, and what ``ask`` raises."""
    try:
        answer = await ask(client.apps_connections_open(app_token=app_token))
    except (TokenRefused, Undeliverable) as refusal:
        raise SettingWrong(APP_TOKEN, f"Slack refuses it ({_code(refusal)}).", _APP_CURE) from None
    return str(answer["url"])


def scopes_missing(account: Account) -> SettingWrong | None:
    """What the bot token lacks, as a setting that is wrong."""
    if not account.missing_scopes:
        return None
    return SettingWrong(BOT_TOKEN, f"The app lacks the scopes {', '.join(account.missing_scopes)}.", _SCOPES_CURE)


def _code(refusal: TokenRefused | Undeliverable) -> str:
    return refusal.error if isinstance(refusal, TokenRefused) else str(refusal)
