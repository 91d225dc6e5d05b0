from __future__ import annotations

import logging
import socket

import aiohttp
import pytest
from aiohttp import web

from adapters.platforms.slack.calls import (
    DEFAULT_PAUSE_SECONDS,
    Refused,
    TokenRefused,
    ask,
    is_local,
    new_session,
    quiet_logger,
    web_client,
)
from adapters.standins.slack import FaultKind
from conversation.errors import MessageGone, OutcomeUnknown, PlatformUnreachable, TooFast, Undeliverable
from tests.support.slack_desk import scene


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ratelimited", TooFast),
        ("internal_error", PlatformUnreachable),
        ("fatal_error", PlatformUnreachable),
        ("invalid_auth", TokenRefused),
        ("token_revoked", TokenRefused),
        ("missing_scope", PlatformUnreachable),
        ("message_not_found", MessageGone),
        ("edit_window_closed", MessageGone),
        ("channel_not_found", Undeliverable),
        ("account_inactive", Undeliverable),
        ("restricted_action_thread_locked", Undeliverable),
        ("msg_too_long", Refused),
    ],
)
async def test_what_slack_answers_becomes_what_one_can_do_about_it(code: str, error: type[Exception]) -> None:
    async with scene() as at:
        at.standin.fail_next("chat.update", FaultKind.ERROR, error=code)
        with pytest.raises(error) as raised:
            await ask(at.slack._workspace.client.chat_update(channel="C1", ts="1.1", text="Geheimnis"))
        assert type(raised.value) is error
        assert raised.value.__cause__ is None
        assert "Geheimnis" not in str(raised.value)


@pytest.mark.parametrize("code", ["internal_error", "fatal_error"])
async def test_where_slack_may_have_done_it_the_outcome_is_unknown(code: str) -> None:
    async with scene() as at:
        at.standin.fail_next("chat.postMessage", FaultKind.ERROR, error=code)
        with pytest.raises(OutcomeUnknown):
            await ask(at.slack._workspace.client.chat_postMessage(channel="C1", text="x"), creates=True)


async def test_a_call_that_never_left_was_not_carried_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with new_session() as session:
        client = web_client("xoxb-1", f"http://127.0.0.1:{port}/api/", session)
        with pytest.raises(PlatformUnreachable):
            await ask(client.chat_postMessage(channel="C1", text="x"), creates=True)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("7", 7.0), ("0", 1.0), ("bald", DEFAULT_PAUSE_SECONDS), (None, DEFAULT_PAUSE_SECONDS)],
)
async def test_the_pause_is_as_long_as_slack_says(retry_after: str | None, seconds: float) -> None:
    async def refuse(_: web.Request) -> web.Response:
        headers = {"Retry-After": retry_after} if retry_after else {}
        # One that says nothing is no JSON either, whatever it calls itself.
        media_type = "text/plain" if retry_after else "application/json"
        return web.Response(status=429, text="too many", headers=headers, content_type=media_type)

    application = web.Application()
    application.add_routes([web.post("/api/{method}", refuse)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with new_session() as session:
        client = web_client("xoxb-1", f"http://127.0.0.1:{port}/api/", session)
        with pytest.raises(TooFast) as pause:
            await ask(client.chat_postMessage(channel="C1", text="x"), creates=True)
        assert pause.value.seconds == seconds
    await runner.cleanup()


async def test_no_call_is_repeated_by_itself() -> None:
    async with scene() as at:
        client = at.slack._workspace.client
        assert client.retry_handlers == []
        at.standin.fail_next("auth.test", FaultKind.RESET_AFTER)
        with pytest.raises(PlatformUnreachable):
            await ask(client.auth_test())
        assert len(at.standin.calls_of("auth.test")) == 2


async def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    async with aiohttp.ClientSession() as session:
        assert web_client("xoxb-1", "http://127.0.0.1:5000/api/", session).proxy is None
        assert web_client("xoxb-1", None, session).proxy == "http://proxy.example:3128"
    assert not is_local("https://slack.com/api/")


def test_the_sdks_log_carries_no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    logger = quiet_logger()
    assert quiet_logger() is logger
    assert logger.getEffectiveLevel() == logging.WARNING
    message = "xoxb-1-a %s wss://x/?ticket=abc&app=1\nThe server responded with: Geheimnis"
    logger.error(message, "xapp-2-b", exc_info=ZeroDivisionError("Geheimnis"))
    (record,) = caplog.records
    assert record.getMessage() == "… … wss://x/?ticket=…&app=1"
    assert record.exc_info is None
