from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette

from adapters.platforms.telegram import Telegram
from adapters.platforms.telegram import platform as platform_module
from adapters.platforms.telegram import webhook as webhook_module
from adapters.standins.telegram.faults import FaultKind
from conversation.errors import PlatformUnreachable, SettingWrong
from tests.support.telegram import ASKER, FAST, OTHER, standing_in
from tests.support.telegram_desk import Desk, both, message, started
from tests.support.web_chat import QuietServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping

SECRET = "geheim_-1"
RIGHT = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
PATH = "/telegram/webhook"


@asynccontextmanager
async def posting(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who posts to the webhook of a bot that has started."""
    async with both() as (_, telegram), client_of(telegram, desk) as client:
        yield client


def client_of(telegram: Telegram, desk: Desk) -> httpx.AsyncClient:
    app = Starlette(routes=telegram.routes(desk, SECRET))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


@asynccontextmanager
async def serving(telegram: Telegram, desk: Desk) -> AsyncIterator[str]:
    """A real server with the webhook; its address."""
    server = QuietServer(Starlette(routes=telegram.routes(desk, SECRET)))
    running = asyncio.create_task(server._serve())
    await asyncio.wait_for(server.ready.wait(), 10)
    try:
        yield f"http://127.0.0.1:{server.port}{PATH}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(running, 10)


async def test_an_update_is_stored_and_acknowledged() -> None:
    desk = Desk()
    async with posting(desk) as client:
        assert (await client.post(PATH, json=message("Hallo"), headers=RIGHT)).status_code == 200
    assert [message.text for message in desk.received] == ["Hallo"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Telegram-Bot-Api-Secret-Token": "falsch"}, {"X-Telegram-Bot-Api-Secret-Token": "geheim_-1\u00e4"}],
)
async def test_without_the_secret_not_even_the_body_is_read(headers: dict[str, str]) -> None:
    read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield json.dumps(message("Hallo")).encode()

    desk = Desk()
    async with posting(desk) as client:
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        assert (await client.post(PATH, content=body(), headers=encoded)).status_code == 403
    assert (desk.received, desk.kept, read) == ([], [], False)


async def test_a_store_that_is_away_makes_telegram_come_again() -> None:
    desk = Desk(away=2)
    async with posting(desk) as client:
        answer = await client.post(PATH, json=message("Hallo"), headers=RIGHT)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert (await client.post(PATH, content=b"{", headers=RIGHT)).status_code == 503
        assert (await client.post(PATH, json=message("Hallo"), headers=RIGHT)).status_code == 200
    assert len(desk.received) == 1


async def test_a_store_that_swallows_everything_makes_telegram_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_module, "_POSTED_STORED_SECONDS", 0.05)
    desk = Desk(busy=asyncio.Event())
    assert desk.busy is not None
    async with posting(desk) as client:
        answer = await client.post(PATH, json=message("Hallo"), headers=RIGHT)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        desk.busy.set()
        assert (await client.post(PATH, json=message("Hallo"), headers=RIGHT)).status_code == 200
    assert len(desk.received) == 1


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\x00", b"[" * 100_000, b'{"update_id": ' + b"9" * 5000 + b"}"])
async def test_what_is_no_json_is_kept_and_acknowledged(body: bytes) -> None:
    desk = Desk()
    async with posting(desk) as client:
        assert (await client.post(PATH, content=body, headers=RIGHT)).status_code == 200
    assert [reason for _, reason in desk.kept] == ["no JSON"]
    assert "\0" not in desk.kept[0][0]


async def test_what_is_no_update_is_kept_and_acknowledged() -> None:
    desk = Desk()
    async with posting(desk) as client:
        assert (await client.post(PATH, json=[1], headers=RIGHT)).status_code == 200
    assert desk.kept == [("[1]", "no update")]


async def test_a_body_that_is_too_large_is_refused() -> None:
    desk = Desk()
    async with posting(desk) as client:
        assert (await client.post(PATH, content=b" " * ((1 << 20) + 1), headers=RIGHT)).status_code == 413
    assert desk.kept == []


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_module, "_READ_SECONDS", 0.05)
    async with both() as (_, telegram), serving(telegram, Desk()) as address:
        port = httpx.URL(address).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        name, secret = next(iter(RIGHT.items()))
        head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n{name}: {secret}\r\n\r\n"
        writer.write(head.encode() + b"{")
        assert b" 408 " in await asyncio.wait_for(reader.read(), 3)
        writer.close()
        await writer.wait_closed()


async def test_whoever_hangs_up_in_the_middle_changes_nothing() -> None:
    desk, sent = Desk(), []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    headers = [(name.lower().encode(), value.encode()) for name, value in RIGHT.items()]
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers, "query_string": b""}
    async with both() as (_, telegram):
        await Starlette(routes=telegram.routes(desk, SECRET))(scope, receive, send)
    assert sent[0]["status"] == 400
    assert (desk.received, desk.kept) == ([], [])


async def test_until_the_bot_knows_itself_telegram_has_to_come_again() -> None:
    desk = Desk()
    async with client_of(Telegram("1:a"), desk) as client:
        assert (await client.post(PATH, json=message("Hallo"), headers=RIGHT)).status_code == 503
    assert desk.received == []


@pytest.mark.parametrize("secret", ["", "a b", "ä", "a" * 257, "a\n"])
async def test_a_secret_that_telegram_would_not_take_names_its_setting(secret: str) -> None:
    telegram = Telegram("1:a")
    with pytest.raises(SettingWrong, match="PLAUSCH_TELEGRAM_WEBHOOK_SECRET"):
        telegram.routes(Desk(), secret)
    with pytest.raises(SettingWrong, match="PLAUSCH_TELEGRAM_WEBHOOK_SECRET"):
        await telegram.set_webhook("https://a.de", secret)


async def test_telegram_delivers_to_the_webhook_and_a_second_delivery_changes_nothing() -> None:
    desk = Desk(away=1)
    async with both(FAST) as (standin, telegram), serving(telegram, desk) as address:
        await telegram.set_webhook(address, SECRET)
        assert standin._world.updates.allowed == ["edited_message", "message", "my_chat_member"]
        standin.deliver_twice()
        for text in ("eins", "zwei"):
            standin.say(ASKER, text)
        standin.say(OTHER, "drei")
        await desk.texts(3)
        await standin.wait_for(lambda: not standin.pending)
        assert sorted(message.text for message in desk.received) == ["drei", "eins", "zwei"]
        assert 503 in {delivery.status for delivery in standin.deliveries}


async def test_a_webhook_address_that_telegram_refuses_names_its_setting() -> None:
    async with both() as (_, telegram):
        with pytest.raises(SettingWrong, match="PLAUSCH_TELEGRAM_WEBHOOK_URL"):
            await telegram.set_webhook("https://example.org/hook", SECRET)


async def test_a_webhook_that_cannot_be_set_yet_is_waited_for() -> None:
    async with both() as (standin, telegram):
        standin.fail_next("setWebhook", FaultKind.SERVER_ERROR)
        with pytest.raises(PlatformUnreachable):
            await telegram.set_webhook("http://127.0.0.1:9/", SECRET)


async def test_a_token_that_is_refused_when_the_webhook_is_set_names_its_setting() -> None:
    async with standing_in() as (standin, _), started(standin) as telegram:
        standin._token = "1000000001:other"
        with pytest.raises(SettingWrong, match="PLAUSCH_TELEGRAM_TOKEN"):
            await telegram.set_webhook("http://127.0.0.1:9/", SECRET)
