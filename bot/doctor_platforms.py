"""What the doctor looks at on the platforms. What is wrong with a token, the platform itself says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.findings import Finding, setting_wrong, warning, well, wrong
from conversation.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.settings import Settings

_UNREACHABLE = "Check the network of this machine, and its proxy if there is one."


async def slack(settings: Settings) -> Sequence[Finding]:
    """Tokens and scopes."""
    if not settings.slack_bot_token:
        return [well("Slack", "off (PLAUSCH_SLACK_BOT_TOKEN is not set)")]
    from adapters.platforms.slack import Slack  # noqa: PLC0415 - late: it brings a library of its own

    app_token = settings.slack_app_token.get_secret_value() if settings.slack_app_token else None
    workspace = Slack(settings.slack_bot_token.get_secret_value(), app_token, api_url=settings.slack_api_url)
    try:
        problems = await workspace.check()
    except PlatformError as trouble:
        return [wrong("Slack", f"{trouble}.", _UNREACHABLE)]
    finally:
        await workspace.aclose()
    if problems:
        return [setting_wrong(problem) for problem in problems]
    way = "events come by Socket Mode" if app_token else "events come over HTTP, to /slack/events"
    return [well("Slack", f"tokens and scopes are right; {way}")]


async def telegram(settings: Settings) -> Sequence[Finding]:
    """The token, the webhook's secret, and what reaches the bot in groups."""
    if not settings.telegram_token:
        return [well("Telegram", "off (PLAUSCH_TELEGRAM_TOKEN is not set)")]
    from adapters.platforms.telegram import Telegram  # noqa: PLC0415 - late, as above
    from adapters.platforms.telegram.webhook import checked_secret  # noqa: PLC0415 - late, as above

    if settings.telegram_webhook_secret:
        checked_secret(settings.telegram_webhook_secret.get_secret_value())
    bot = Telegram(settings.telegram_token.get_secret_value(), settings.telegram_api_url)
    try:
        identity = await bot.check()
    except PlatformError as trouble:
        return [wrong("Telegram", f"it can't be reached ({trouble}).", _UNREACHABLE)]
    finally:
        await bot.aclose()
    way = "by webhook" if settings.telegram_webhook_url else "by polling"
    found = [well("Telegram", f"the bot is @{identity.username}; messages come {way}")]
    if not identity.reads_groups:
        says = "privacy mode is on: in groups only commands and replies reach the bot, mentions do not."
        cure = "To be asked by mention: @BotFather, /setprivacy, Disable; then add the bot to the group anew."
        found.append(warning("Telegram groups", says, cure))
    return found
