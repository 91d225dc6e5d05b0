from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request

from adapters.platforms.slack.people import Directory
from adapters.platforms.slack.receive import Receiver
from adapters.platforms.slack.routes import MOST_BYTES, EventsRoute
from adapters.platforms.slack.signatures import is_signed
from adapters.standins.slack.request_url import signature
from tests.support.slack import SECRET
from tests.support.slack_desk import Desk, direct, mention, scene
from tests.support.slack_http import receiving, send, send_json, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Message


async def test_a_request_with_a_wrong_signature_is_turned_away() -> None:
    desk = Desk()
    async with receiving(desk) as url:
        body = json.dumps(mention()).encode()
        assert (await send(url, body, secret="another"))[0] == 401
        odd = {"X-Slack-Request-Timestamp": "vorhin"}, {"X-Slack-Signature": "v0=ü"}, {"X-Slack-Signature": ""}
        for headers in odd:
            assert (await send(url, body, **headers))[0] == 401
        assert desk.received == []


def test_a_signature_holds_for_its_body_its_secret_and_five_minutes() -> None:
    now = 1_800_000_000
    good = str(SignatureVerifier(SECRET).generate_signature(timestamp=str(now), body="body"))
    assert is_signed(SECRET, str(now), good, b"body", now=now)
    assert is_signed(SECRET, str(now), good, b"body", now=now + 300)
    assert is_signed(SECRET, str(now), good, b"body", now=now - 300)
    assert not is_signed(SECRET, str(now), good, b"body", now=now + 301)
    assert not is_signed(SECRET, str(now), good, b"body", now=now - 301)
    assert not is_signed(SECRET, str(now), good, b"other", now=now)
    assert not is_signed("other", str(now), good, b"body", now=now)
    assert not is_signed("", str(now), signature("", str(now), b"body"), b"body", now=now)
    for timestamp in ("", "-5", "1e9", "٣", "9" * 400):
        assert not is_signed(SECRET, timestamp, good, b"body", now=now)


async def test_a_body_that_is_too_large_is_turned_away() -> None:
    async with receiving(Desk()) as url:
        body = b" " * (MOST_BYTES + 1)
        assert (await send(url, body))[0] == 413

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(17):
                yield b" " * 65_536

        async with aiohttp.ClientSession() as session, session.post(url, data=chunks()) as response:
            assert response.status == 413
        assert (await send(url, b" " * MOST_BYTES))[0] == 200


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async with receiving(Desk(), read_seconds=0.01) as url:
        port = int(url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert b" 408 " in await asyncio.wait_for(reader.read(), 3)
        writer.close()


@pytest.mark.parametrize(
    "body",
    [b"{", b"[1]", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"type": "event_callback", "event": "?"}'],
)
async def test_what_can_not_be_read_is_kept_and_acknowledged(body: bytes) -> None:
    desk = Desk()
    async with receiving(desk) as url:
        assert (await send(url, body))[0] == 200
        assert len(desk.kept) == 1


async def test_an_odd_event_is_kept_once_with_its_reason() -> None:
    desk = Desk()
    async with receiving(desk) as url:
        assert (await send_json(url, direct(ts=None)))[0] == 200
        ((raw, reason),) = desk.kept
        assert json.loads(raw) == direct(ts=None)
        assert reason == "ts is missing or no text"


async def test_without_the_database_nothing_unreadable_is_acknowledged() -> None:
    async with receiving(Desk(away=2)) as url:
        assert (await send(url, b"{"))[0] == 503
        assert (await send_json(url, direct(ts=None)))[0] == 503


async def test_a_message_that_the_store_can_not_take_is_kept_as_it_came() -> None:
    desk = Desk(broken=True)
    async with receiving(desk) as url:
        assert (await send_json(url, direct()))[0] == 200
        assert [(json.loads(raw), reason) for raw, reason in desk.kept] == [(direct(), "StoreFault")]


async def test_until_we_are_signed_in_slack_is_asked_to_deliver_again() -> None:
    async with scene() as at, at.restarted() as again:
        again.slack._account = None
        async with serving(*again.slack.routes(Desk())) as url:
            assert (await send_json(url, mention()))[0] == 503
            await again.slack.start()
            assert (await send_json(url, mention()))[0] == 200


async def test_who_hangs_up_half_way_is_not_waited_for() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "method": "POST", "headers": []}, gone)
    receiver = Receiver(Desk(), lambda: None, Directory())
    assert (await EventsRoute(lambda: receiver, SECRET).answer(request)).status_code == 400


async def test_no_text_of_a_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with receiving(Desk()) as url:
        for body in (direct("Geheimnis"), direct("Geheimnis", ts=None), {"type": "Geheimnis"}):
            assert (await send_json(url, body))[0] == 200
    assert "Geheimnis" not in caplog.text
