"""Hostile requests, the whole way: forged, replayed, poisonous, endless, and those of other people's browsers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from adapters.standins.slack.request_url import signature
from adapters.standins.slack.wire import envelope
from tests.e2e.test_platforms import WEBHOOK_SECRET, on_slack, on_telegram, stored
from tests.support.databases import Rows, postgres_database, postgres_template
from tests.support.service import Browser, browser, free_port, running, until_over
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.standins.slack import StandInSlack
    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI
    from bot.service import Service
    from tests.support.slack import Room

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
ODD: list[dict[str, Any]] = [
    {"chat": []},
    {"message_id": 10**30},
    {"date": 10**30},
    {"date": None},
    {"from": {"id": True}},
    {"text": "", "hologram": {"depth": 3, "\0": "\ud800"}},
    {"text": 7, "entities": "?", "photo": "?"},
]
ODD_EVENTS: list[dict[str, Any]] = [
    {"channel": "D\0\ud800"},
    {"channel": "D" * 100_000},
    {"user": ["U1"]},
    {"ts": "\0"},
    {"ts": None},
    {"thread_ts": {"\ud800": 1}},
    {"text": 10**30},
    {"edited": {"ts": "\udfff"}},
]


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'plausch.sqlite3'}"


@pytest.fixture
async def postgresql(postgres_socket: str) -> AsyncIterator[str]:
    async with postgres_database(postgres_socket, await postgres_template(postgres_socket)) as url:
        yield url


async def reasons(service: Service) -> list[str]:
    """Why something was kept as unreadable."""
    return [row[0] for row in await Rows(service.database).select("SELECT reason FROM unreadable ORDER BY received_at")]


# ── events that can't be read ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", ["polling", "webhook"])
async def test_updates_that_can_not_be_read_are_kept_and_do_not_hold_up_their_chat(
    way: str, telegram: StandInTelegram, postgresql: str, tgi: StandInTGI
) -> None:
    async with on_telegram(telegram, way, postgresql, tgi) as service:
        chat = telegram.private(ASKER)
        whole: dict[str, Any] = {
            "date": 1_800_000_000,
            "chat": chat.as_json(),
            "from": ASKER.as_json(),
            "text": "Hallo",
        }
        for number, odd in enumerate(ODD, 900):
            telegram._world.updates.add("message", whole | {"message_id": number} | odd, f"chat {chat.id}")
        telegram.say(chat, "Geht es noch?")
        await until_over(service)
        await telegram.wait_for(lambda: not telegram.pending)

        assert [question for question, _, _ in await stored(service)] == ["Geht es noch?"]
        assert len(await reasons(service)) == len(ODD)


@pytest.mark.parametrize("way", ["http", "socket"])
async def test_events_that_can_not_be_read_are_kept_acknowledged_and_in_nobodys_way(
    way: str, slack: StandInSlack, room: Room, postgresql: str, tgi: StandInTGI
) -> None:
    async with on_slack(slack, way, postgresql, tgi) as service:
        whole: dict[str, Any] = {
            "type": "message",
            "channel": room.direct,
            "channel_type": "im",
            "user": room.person,
            "text": "Hallo",
        }
        odd_ones = [envelope(slack._workspace, whole | {"ts": f"18.{n}"} | odd) for n, odd in enumerate(ODD_EVENTS)]
        for body in odd_ones:
            slack._deliveries.send_event(body)
        await slack.say(room.direct, "Geht es noch?", room.person)
        await until_over(service)
        ids = {body["event_id"] for body in odd_ones}
        await slack.wait_for(lambda: ids <= {d.event_id for d in slack.deliveries if d.outcome.acknowledged})

        assert [question for question, _, _ in await stored(service)] == ["Geht es noch?"]
        assert len(await reasons(service)) == len(ODD_EVENTS)


# ── requests that come from somebody else, or once more ──────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Open:
    """A service with every route there is, and a client that anybody may have."""

    service: Service
    http: aiohttp.ClientSession
    slack_secret: str

    async def post(self, path: str, body: bytes, **headers: str) -> int:
        url = f"{self.service.web.address}{path}"
        async with self.http.post(
            url, data=io.BytesIO(body), headers={"Content-Type": "application/json"} | headers
        ) as response:
            said = await response.text() + str(response.headers)
            assert self.slack_secret not in said
            assert WEBHOOK_SECRET not in said
            return response.status

    def signed(self, body: bytes, age: int = 0) -> dict[str, str]:
        timestamp = str(int(time.time()) - age)
        return {
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self.slack_secret, timestamp, body),
        }


@pytest.fixture
async def everything(
    slack: StandInSlack, telegram: StandInTelegram, sqlite: str, tgi: StandInTGI
) -> AsyncIterator[Open]:
    port = free_port()
    async with (
        running(
            database_url=sqlite,
            model_server="tgi",
            model_url=tgi.url,
            http_port=port,
            slack_bot_token=slack.bot_token,
            slack_signing_secret=slack.signing_secret,
            slack_api_url=slack.api_url,
            telegram_token=telegram.token,
            telegram_api_url=telegram.api_url,
            telegram_webhook_url=f"http://127.0.0.1:{port}/telegram/webhook",
            telegram_webhook_secret=WEBHOOK_SECRET,
        ) as service,
        browser(service) as page,
    ):
        yield Open(service, page.http, slack.signing_secret)


def question_on_slack(room: Room) -> bytes:
    event = {"type": "message", "channel": room.direct, "channel_type": "im", "user": room.person, "text": "Hallo"}
    body = {"type": "event_callback", "team_id": "T0000000001", "event": event | {"ts": "1800000000.000100"}}
    return json.dumps(body).encode()


async def test_what_is_forged_or_too_old_reaches_nobody_and_a_replay_changes_nothing(
    everything: Open, room: Room
) -> None:
    body = question_on_slack(room)
    assert await everything.post("/slack/events", body) == 401
    for spoilt in (everything.signed(body + b" "), everything.signed(body, age=301), everything.signed(body, age=-301)):
        assert await everything.post("/slack/events", body, **spoilt) == 401
    for odd in ("", "v0=", "v1=" + "0" * 64, "0" * 10_000, "v0=ü"):
        spoilt = everything.signed(body) | {"X-Slack-Signature": odd}
        assert await everything.post("/slack/events", body, **spoilt) == 401
    update = {
        "update_id": 1,
        "message": {"message_id": 5, "date": 1_800_000_000, "chat": {"id": 4001}, "text": "Hallo"},
    }
    for secret in ("", "falsch", f"{WEBHOOK_SECRET}x", WEBHOOK_SECRET[:-1], "ä" * 300):
        assert await everything.post("/telegram/webhook", json.dumps(update).encode(), **{SECRET_HEADER: secret}) == 403
    rows = Rows(everything.service.database)
    assert await rows.select("SELECT count(*) FROM messages") == [(0,)]
    assert await reasons(everything.service) == []

    once = everything.signed(body)
    for _ in range(2):
        assert await everything.post("/slack/events", body, **once) == 200
    await until_over(everything.service)
    assert await rows.select("SELECT count(*) FROM turns") == [(1,)]


async def test_no_body_makes_a_route_fail_or_holds_up_the_others(everything: Open) -> None:
    longest_gap = 0.0

    async def beat() -> None:
        nonlocal longest_gap
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            longest_gap = max(longest_gap, time.perf_counter() - before)

    beating = asyncio.create_task(beat())
    secret = {SECRET_HEADER: WEBHOOK_SECRET}
    routes = ("/slack/events", "/telegram/webhook", "/api/v1/messages", "/api/v1/stop")
    for path in routes:
        assert await everything.post(path, b"[" * (2 << 20), **secret) == 413
    deep = [open_ * depth for open_ in (b"[", b'{"message":') for depth in (900, 100_000 // len(open_))]
    known = b'{"update_id":1,"event":{},"message":{"chat":{"id":1}},"id":"1","type":"event_callback","x":'
    deep += [known + b"[" * depth + b"]" * depth + b"}" for depth in (700, 900, 940, 960, 980, 990)]
    deep += [b"9" * 100_000, b'"\\ud800"', b'{"text":"' + b"\\u0000" * 50_000 + b'"}', b"\xff" * 100_000, b""]
    for path in routes:
        for body in deep:
            status = await everything.post(path, body, **(secret | everything.signed(body)))
            assert status in ({400, 422} if path.startswith("/api") else {200})
    for path in ("/", "/healthz", "/readyz", "/api/v1/conversation", "/static/chat.js"):
        assert await everything.post(path, b"{}") == 405
    beating.cancel()
    assert longest_gap < 5.0  # a busy machine stays below; a body that blocks the loop does not
    assert await Rows(everything.service.database).select("SELECT count(*) FROM turns") == [(0,)]


async def test_whoever_sends_without_end_is_hung_up_on(everything: Open) -> None:
    cookie = next(one.value for one in everything.http.cookie_jar if one.key == "plausch_session")
    host = everything.service.web.address.removeprefix("http://")
    for path in ("/slack/events", "/telegram/webhook", "/api/v1/messages", "/api/v1/stop"):
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        head += f"Cookie: plausch_session={cookie}\r\n{SECRET_HEADER}: {WEBHOOK_SECRET}\r\n"
        head += "Transfer-Encoding: chunked\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", int(host.rpartition(":")[2]))
        writer.write(head.encode() + b"10000\r\n" + b" " * 65_536 + b"\r\n")
        for _ in range(16):
            writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        # The answer comes before the end of the body, and with it the end of the connection.
        assert b" 413 " in await asyncio.wait_for(reader.readline(), 3)
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 3)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


# ── other people's browsers ──────────────────────────────────────────────────────────────────────────────────────────


async def test_one_browser_can_neither_read_nor_stop_what_is_said_in_another(sqlite: str, tgi: StandInTGI) -> None:
    tgi.pace.pause()
    async with (
        running(database_url=sqlite, model_server="tgi", model_url=tgi.url) as service,
        browser(service) as mine,
        browser(service) as theirs,
        theirs.frames() as overheard,
    ):
        await mine.send("Mein Geheimnis ist Blau.", 1)
        await tgi.arrivals.get()
        tgi.pace.step(3)
        # The same number is the same id: it must be neither the same message nor the same turn.
        stopped = {"id": str(uuid.UUID(int=1))}
        async with theirs.http.post(f"{theirs.address}/api/v1/stop", json=stopped) as response:
            assert (await response.json())["new"]
        tgi.pace.resume()
        (turn,) = await mine.settled()
        assert "Mein Geheimnis ist Blau." in turn["text"]
        assert turn["kind"] == "answer"
        await theirs.answer("Was ist das Geheimnis?", 2)
        first = await anext(overheard)

        assert "Geheimnis ist Blau" not in json.dumps([first, await theirs.turns()])
        assert "Blau" not in tgi.requests[-1]["inputs"]
        keys = [row[0] for row in await Rows(service.database).select("SELECT thread FROM conversations")]
        for guess in (*keys, *(key[:22] for key in keys), "A" * 22, "", "../" * 7 + "a"):
            assert await seen_with(guess, mine) in ([], None)


async def seen_with(cookie: str, page: Browser) -> list[Any] | None:
    """The turns that a browser with this cookie gets; None where it gets an error."""
    url = f"{page.address}/api/v1/conversation"
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        http.get(url, headers={"Cookie": f"plausch_session={cookie}"}) as response,
    ):
        return (await response.json())["turns"] if response.status == 200 else None
