"""The platforms that the settings turn on, each as the service needs it. A new platform is one function here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pydantic import SecretStr
    from starlette.routing import BaseRoute

    from bot.settings import Settings
    from conversation.ports import ConversationStore, Intake, Platform, Signals


async def _nothing(_: Intake | None = None) -> None:
    """What needs no start, or receives by its routes only."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A platform and how it is reached. ``start`` and ``announce`` may be repeated."""

    platform: Platform
    routes: Callable[[Intake], Sequence[BaseRoute]] = lambda _: ()
    start: Callable[[], Awaitable[None]] = _nothing
    """What comes first, in whatever role."""
    announce: Callable[[], Awaitable[None]] = _nothing
    """Tell the platform where events go."""
    receive: Callable[[Intake], Awaitable[None]] = _nothing
    """Runs until it is cancelled."""
    one_at_a_time: bool = False
    """Of many processes only one may receive."""
    trouble: Callable[[], str | None] = lambda: None
    """Why nothing comes in, None where all is well."""
    quieten: Callable[[], None] = lambda: None
    """End the connections that people hold open, so that the web server can end."""
    aclose: Callable[[], Awaitable[None]] = _nothing


def connections(
    settings: Settings, signals: Signals, store: ConversationStore, framed_by: Sequence[str] = ()
) -> list[Connection]:
    """Every platform that is on. Imports are late: a platform that is off costs nothing."""
    found = [web(settings, signals, store, framed_by)]
    if settings.telegram_token:
        found.append(telegram(settings, settings.telegram_token))
    if settings.slack_bot_token:
        found.append(slack(settings, settings.slack_bot_token))
    return found


def web(settings: Settings, signals: Signals, store: ConversationStore, framed_by: Sequence[str]) -> Connection:
    """The web chat, which is always there for this machine."""
    from adapters.platforms.web import Web  # noqa: PLC0415 - late on purpose

    page = Web(signals, store, open_to_others=settings.web_chat, framed_by=framed_by)
    return Connection(page, page.routes, quieten=page.close)


def telegram(settings: Settings, token: SecretStr) -> Connection:
    """Telegram: by webhook where one is set, else by polling."""
    from adapters.platforms.telegram import Telegram  # noqa: PLC0415 - late on purpose

    bot = Telegram(token.get_secret_value(), settings.telegram_api_url)
    url, secret = settings.telegram_webhook_url, settings.telegram_webhook_secret
    if url is None or secret is None:
        return Connection(
            bot,
            start=bot.start,
            receive=bot.poll,
            one_at_a_time=True,
            trouble=lambda: bot.trouble,
            aclose=bot.aclose,
        )
    return Connection(
        bot,
        routes=lambda intake: bot.routes(intake, secret.get_secret_value()),
        start=bot.start,
        announce=lambda: bot.set_webhook(url, secret.get_secret_value()),
        aclose=bot.aclose,
    )


def slack(settings: Settings, token: SecretStr) -> Connection:
    """Slack: by Socket Mode where an app token is set, else by events over HTTP."""
    from adapters.platforms.slack import Slack  # noqa: PLC0415 - late on purpose

    app_token, signing_secret = _plain(settings.slack_app_token), _plain(settings.slack_signing_secret)
    workspace = Slack(token.get_secret_value(), app_token, signing_secret, settings.slack_api_url)
    if app_token:
        receive = workspace.run_socket_mode
        return Connection(
            workspace,
            start=workspace.start,
            receive=receive,
            trouble=lambda: workspace.trouble,
            aclose=workspace.aclose,
        )
    return Connection(workspace, routes=workspace.routes, start=workspace.start, aclose=workspace.aclose)


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
