from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from adapters.platforms.telegram import Part, Telegram
from adapters.platforms.telegram.transport import AiohttpRequest
from conversation.errors import OutcomeUnknown, PlatformUnreachable, TooFast
from tests.support.telegram_desk import place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def answering(status: int, body: bytes) -> AsyncIterator[Telegram]:
    """The platform, connected to a server that answers everything alike."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_route("*", "/{_:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    telegram = Telegram("1:secret", f"http://127.0.0.1:{runner.addresses[0][1]}/bot")
    await telegram._request.initialize()
    try:
        yield telegram
    finally:
        await telegram.aclose()
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"Hallo, das ist kein JSON"),
        (200, b"[1]"),
        (200, b"[" * 100_000),
        (502, b"<html>Hallo</html>"),
        (504, b""),
        (500, b"[1]"),
        (500, b'{"ok": false, "error_code": 500, "description": "Internal Server Error: restart"}'),
    ],
)
async def test_an_answer_that_is_not_the_apis_leaves_the_outcome_open_and_stays_out_of_the_log(
    status: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with answering(status, body) as telegram:
        with pytest.raises(OutcomeUnknown) as unknown:
            await telegram.begin(place(1), "")
        with pytest.raises(PlatformUnreachable):
            await telegram.edit(place(1), "1", Part("eins"), last=True)
    assert "Hallo" not in f"{caplog.text}{unknown.value!r}"
    assert "secret" not in f"{caplog.text}{unknown.value!r}"


@pytest.mark.parametrize("result", [b"true", b"[]", b"{}", b'{"message_id": true}', b'{"message_id": 1e9}'])
async def test_a_message_without_an_id_may_be_there_or_not_and_an_edit_needs_none(result: bytes) -> None:
    async with answering(200, b'{"ok": true, "result": ' + result + b"}") as telegram:
        with pytest.raises(OutcomeUnknown):
            await telegram.begin(place(1), "")
        await telegram.edit(place(1), "1", Part("eins"), last=True)


async def test_an_error_of_the_api_itself_says_that_nothing_was_sent() -> None:
    async with answering(500, b'{"ok": false, "error_code": 500}') as telegram:
        with pytest.raises(PlatformUnreachable):
            await telegram.begin(place(1), "")


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"ok": false, "error_code": 429, "parameters": {"retry_after": 17}}', 17),
        (b'{"ok": false, "error_code": 429}', 5),
        (b"<html>", 5),
    ],
)
async def test_a_flood_without_a_pause_gets_one(body: bytes, seconds: float) -> None:
    async with answering(429, body) as telegram:
        with pytest.raises(TooFast) as pause:
            await telegram.begin(place(1), "")
        assert pause.value.seconds == seconds
        assert telegram._pacing.paused("1")


async def test_a_session_is_opened_once_and_one_that_never_was_closes_quietly() -> None:
    request = AiohttpRequest(3)
    assert request.read_timeout == 3
    await request.shutdown()
    await request.initialize()
    session = request._session
    await request.initialize()
    assert request._session is session
    await request.shutdown()
