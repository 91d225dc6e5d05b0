"""The sandbox: the whole service between stand-in Slack, stand-in Telegram and the web page, on this machine only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import platformdirs
from pydantic import SecretStr

from adapters.platforms.web import assets
from adapters.standins.panes import Look, Panes
from adapters.standins.slack import StandInSlack
from adapters.standins.telegram.server import StandInTelegram
from adapters.standins.telegram.world import Tuning
from adapters.stores.sql.operators import Role, SqlOperators
from bot.service import Service
from bot.web import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from bot.models import Served
    from bot.settings import Settings

HOST = "127.0.0.1"
PAGE_PORT = 8070
"""Where the page with all three is, if nobody else is there: a bookmark, or an open tab, works again the next day."""
_LOOK_SECONDS = 0.1


class NotReady(Exception):
    """The service did not become ready in time; the text says what it waits for."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Everything, running. ``page`` is the address of all three side by side."""

    slack: StandInSlack
    telegram: StandInTelegram
    panes: Panes
    service: Service
    page: str
    running: asyncio.Task[None]

    async def dashboard_link(self) -> str:
        """A one-time link by which an owner of the dashboard sets a password; the sandbox makes one where none is."""
        operators = SqlOperators(self.service.database)
        owners = [operator for operator in await operators.all() if operator.role is Role.OWNER]
        owner = owners[0] if owners else await operators.add("sandbox", Role.OWNER, by=None)
        return f"{self.service.web.address}/admin/link/{await operators.link(owner, by=None)}"

    async def until_ready(self, within: float, tell: Callable[[str], None] = lambda _: None) -> None:
        """Return once a message would be answered. ``tell`` hears what is waited for.

        Raises ``NotReady`` after so many seconds, and whatever ended the service.
        """
        ends = time.monotonic() + within
        while waiting := self._waiting_for():
            tell(waiting)
            if time.monotonic() > ends:
                raise NotReady(waiting)
            # Readiness is a state to be looked at, as /readyz does it; if the service ends, so does the wait.
            await asyncio.wait({self.running}, timeout=_LOOK_SECONDS)
            if self.running.done():
                self.running.result()
                raise NotReady("the service has ended")

    def _waiting_for(self) -> str:
        if not self.service.started:
            return "the database"
        return "; ".join(f"{part}: {trouble}" for part, trouble in self.service.readiness.waiting_for.items())


@contextlib.asynccontextmanager
async def opened(settings: Settings, model: Served, *, page_port: int = 0) -> AsyncIterator[Sandbox]:
    """Start everything; at the end, end everything. ``settings``: what ``for_sandbox`` made."""
    started = time.time_ns() // 1_000_000
    # A message is known by its id or time, and the database outlives the stand-ins: neither may begin anew, though one
    # start follows the other within a second.
    tuning = Tuning(first_message_id=started, first_update_id=started, privacy_mode=False)
    async with StandInSlack() as slack, StandInTelegram(tuning=tuning) as telegram:
        panes = Panes(
            slack,
            telegram,
            _look(),
            chat=lambda: service.web.address,
            notice=notice(settings),
            first_person=started,
        )
        page = WebServer(panes.routes(), HOST, free_or_any(page_port))
        tasks = [asyncio.create_task(page.run_until_told())]
        try:
            service = Service(between(settings, slack, telegram), model, framed_by=(page.address,))
            tasks.append(asyncio.create_task(service.run()))
            try:
                yield Sandbox(slack, telegram, panes, service, page.address, tasks[1])
            finally:
                service.end()
        finally:
            panes.close()
            page.should_exit = True
            await asyncio.gather(*tasks, return_exceptions=True)


def for_sandbox(settings: Settings, folder: Path | None = None, *, http_port: int | None = None) -> Settings:
    """The user's settings with a database of the sandbox's own, in ``folder`` or the user's data folder.

    The model server stays the user's. Platforms, Redis and other machines are out of it.
    """
    folder = folder or Path(platformdirs.user_data_dir("plausch"))
    folder.mkdir(parents=True, exist_ok=True)
    changes = {
        "database_url": f"sqlite:///{folder / 'sandbox.sqlite3'}",
        "redis_url": None,
        "http_host": HOST,
        "http_port": free_or_any(settings.http_port) if http_port is None else http_port,
        "web_chat": False,
    }
    return settings.model_copy(update=changes)


def notice(settings: Settings) -> Mapping[str, str]:
    """What has to be said above everything: who answers, that two places are stand-ins, and where the words go."""
    if settings.model_server != "embedded":
        host = urlsplit(settings.model_url or "").hostname or "?"
        return {
            "de": f"Hier antwortet dein Modellserver ({host}). Slack und Telegram sind Attrappen auf diesem Rechner. "
            "Was du schreibst, geht an den Modellserver und sonst nirgendwohin.",
            "en": f"Your model server ({host}) answers here. Slack and Telegram are stand-ins on this machine. "
            "What you write goes to the model server and nowhere else.",
        }
    if settings.embedded_model:
        name = Path(settings.embedded_model.rpartition(":")[2]).name
        return {
            "de": f"Hier antwortet {name} auf deinem Rechner. Slack und Telegram sind Attrappen. "
            "Was du schreibst, bleibt auf diesem Rechner.",
            "en": f"{name} answers here, on your machine. Slack and Telegram are stand-ins. "
            "What you write stays on this machine.",
        }
    return {
        "de": "Das kleine Modell, das hier antwortet, vertritt nur EM German: Es schreibt holprig und irrt sich oft. "
        "Slack und Telegram sind Attrappen. Was du schreibst, bleibt auf diesem Rechner.",
        "en": "The small model that answers here is only a stand-in for EM German: it is clumsy and often wrong. "
        "Slack and Telegram are stand-ins too. What you write stays on this machine.",
    }


def free_or_any(port: int) -> int:
    """The port, or 0 (the system picks one) where somebody listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return 0
    return port


def between(settings: Settings, slack: StandInSlack, telegram: StandInTelegram) -> Settings:
    """The settings with the stand-ins as the platforms; not one token of the person's own is left in them."""
    changes = {
        "slack_bot_token": SecretStr(slack.bot_token),
        "slack_app_token": SecretStr(slack.app_token),
        "slack_signing_secret": None,
        "slack_api_url": slack.api_url,
        "telegram_token": SecretStr(telegram.token),
        "telegram_webhook_url": None,
        "telegram_webhook_secret": None,
        "telegram_api_url": telegram.api_url,
    }
    return settings.model_copy(update=changes)


def _look() -> Look:
    tokens, icon = assets.named("tokens.css"), assets.named("icon.svg")
    if tokens is None or icon is None:
        raise RuntimeError("the web page has lost its style sheet or its icon")
    return Look(tokens.content, icon.content)
