"""The panes' routes: who is let in, what is written, what is streamed."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.panes import CHAT, FIRST_PERSON, Desk, desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp


@pytest.fixture
async def room() -> AsyncIterator[Desk]:
    async with desk() as opened:
        yield opened


async def status(room: Desk, path: str = "/", **more: Any) -> int:
    async with room.http.request(more.pop("method", "GET"), room.address + path, **more) as response:
        return response.status


async def post(room: Desk, path: str, body: Any, **headers: str) -> int:
    return await status(room, path, method="POST", json=body, headers=headers)


# ── who is let in ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/slack", "/telegram", "/slack/events", "/telegram/events", "/static/pane.css"])
async def test_a_page_that_gave_its_own_name_our_address_is_refused(room: Desk, path: str) -> None:
    assert await status(room, path, headers={"Host": "evil.example"}) == 403


@pytest.mark.parametrize("host", ["127.0.0.1:port", "a@127.0.0.1", "127.0.0.1/x", ""])
async def test_an_odd_host_is_refused(room: Desk, host: str) -> None:
    assert await status(room, headers={"Host": host}) == 403


@pytest.mark.parametrize("name", ["Forwarded", "Via", "X-Forwarded-For"])
async def test_whoever_comes_by_a_proxy_is_refused(room: Desk, name: str) -> None:
    assert await status(room, headers={name: "1.2.3.4"}) == 403


async def test_localhost_is_sent_to_the_address_under_which_the_web_chat_keeps_its_cookies(room: Desk) -> None:
    port = room.address.rpartition(":")[2]
    address = f"http://localhost:{port}/telegram"
    async with room.http.get(address.replace("localhost", "127.0.0.1"), headers={"Host": f"localhost:{port}"},
                             allow_redirects=False) as response:  # fmt: skip
        assert (response.status, response.headers["Location"]) == (307, f"{room.address}/telegram")


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "same-site"}, {"Content-Type": "text/plain"}]
)
async def test_another_page_of_this_machine_can_not_write_here(room: Desk, headers: dict[str, str]) -> None:
    body = json.dumps({"text": "Hallo"})
    headers = {"Content-Type": "application/json"} | headers
    for path in ("/slack/messages", "/telegram/messages", "/slack/stop", "/telegram/stop"):
        assert await status(room, path, method="POST", data=body, headers=headers) == 403
    assert room.telegram.updates == []
    assert room.slack.lines(room.panes.slack.channel) == ()


async def test_no_page_runs_what_stands_inside_it_and_only_the_overview_shows_the_web_chat(room: Desk) -> None:
    for path, frames, framed_by in (("/", f"'self' {CHAT}", "'none'"), ("/slack", "'self'", "'self'")):
        async with room.http.get(room.address + path) as response:
            policy, page = response.headers["Content-Security-Policy"], await response.text()
        assert "unsafe" not in policy
        assert "script-src 'self'; style-src 'self'" in policy
        assert policy.endswith(f"frame-src {frames}; frame-ancestors {framed_by}")
        assert not re.search(r"<style| style=| on\w+=|<script(?![^>]*(src=|application/json))", page)


async def test_the_notice_stands_above_everything_as_text(room: Desk) -> None:
    async with room.http.get(room.address) as response:
        assert '<p class="notice">Nur eine &lt;b&gt;Attrappe&lt;/b&gt;.</p>' in await response.text()
    async with room.http.get(room.address, headers={"Accept-Language": "fr, en-GB;q=0.8, de"}) as response:
        assert "Only a stand-in." in await response.text()
    async with room.http.get(room.address, cookies={"plausch_language": "en"}) as response:
        assert "Only a stand-in." in await response.text()


async def test_both_panes_wear_the_service_s_own_colours(room: Desk) -> None:
    async with room.http.get(f"{room.address}/static/tokens.css") as response:
        assert (response.content_type, "--accent:" in await response.text()) == ("text/css", True)


@pytest.mark.parametrize("name", ["words.json", "slack.html", "__init__.py", "nothing.css", "..%2Fguard.py"])
async def test_nothing_but_the_pages_own_files_is_served(room: Desk, name: str) -> None:
    assert await status(room, f"/static/{name}") == 404


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("language", "name", "locale"), [("de", "Erika Mustermann", "de"), ("en", "Jane Doe", "en")])
async def test_on_slack_the_page_s_language_decides_which_sample_person_writes(
    room: Desk, language: str, name: str, locale: str
) -> None:
    body = {"text": "Hallo & <b>", "mention": True}
    assert await post(room, "/slack/messages", body, **{"Accept-Language": language}) == 204
    (line,) = room.slack.lines(room.panes.slack.channel)
    assert (line.name, line.text) == (name, "<@U0000000BOT> Hallo &amp; &lt;b&gt;")
    told = await room.slack_call("users.info", user=line.user, include_locale=True)
    assert told["user"]["locale"].startswith(locale)


async def test_on_telegram_each_language_has_a_chat_of_its_own(room: Desk) -> None:
    assert await post(room, "/telegram/messages", {"text": "Hallo"}) == 204
    assert await post(room, "/telegram/messages", {"text": "Hello"}, **{"Accept-Language": "en"}) == 204
    senders = [update["message"]["from"] for update in room.telegram.updates]
    assert [(sender["first_name"], sender["language_code"]) for sender in senders] == [("Max", "de"), ("John", "en")]
    assert [sender["id"] for sender in senders] == [FIRST_PERSON, FIRST_PERSON + 1]


async def test_whoever_names_the_bot_is_not_given_a_second_mention(room: Desk) -> None:
    await post(room, "/slack/messages", {"text": "Hallo @plausch!", "mention": True})
    await post(room, "/slack/messages", {"text": "Ohne.", "mention": False})
    texts = [line.text for line in room.slack.lines(room.panes.slack.channel)]
    assert texts == ["Hallo <@U0000000BOT>!", "Ohne."]


async def test_a_reply_goes_into_its_thread_and_a_thread_that_is_not_there_is_refused(room: Desk) -> None:
    asked = await room.slack_asks("Frage")
    assert await post(room, "/slack/messages", {"text": "Antwort", "thread": asked}) == 204
    assert [line.text for line in room.slack.thread(room.panes.slack.channel, asked)] == ["Frage", "Antwort"]
    assert await post(room, "/slack/messages", {"text": "Antwort", "thread": "1.1"}) == 422


async def test_what_begins_with_the_slash_command_is_one(room: Desk) -> None:
    assert await post(room, "/slack/messages", {"text": "/plausch hilfe"}) == 204
    assert room.slack.lines(room.panes.slack.channel) == ()
    (whisper,) = room.slack.ephemerals
    assert 'failed with the error "dispatch_failed"' in whisper.text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"text": ""}, 422),
        ({"text": " \n"}, 422),
        ({"text": 1}, 422),
        ({"text": "x", "thread": 1}, 422),
        ({"text": "x" * 12_001}, 422),
        ([], 400),
        ({"text": "x" * 300_000}, 413),
    ],
)
async def test_what_nobody_could_send_is_refused(room: Desk, body: Any, expected: int) -> None:
    assert await post(room, "/slack/messages", body) == expected
    assert room.slack.lines(room.panes.slack.channel) == ()


async def test_a_body_that_is_no_json_is_refused(room: Desk) -> None:
    headers = {"Content-Type": "application/json"}
    assert await status(room, "/telegram/messages", method="POST", data=b"{", headers=headers) == 400


async def test_telegram_s_messages_are_measured_in_utf_16_units(room: Desk) -> None:
    assert await post(room, "/telegram/messages", {"text": "🙂" * 2048}) == 204
    assert await post(room, "/telegram/messages", {"text": "🙂" * 2049}) == 422


async def test_a_lone_surrogate_becomes_a_question_mark(room: Desk) -> None:
    assert await post(room, "/telegram/messages", {"text": "a\ud800b"}) == 204
    assert room.telegram.updates[0]["message"]["text"] == "a?b"


async def test_stop_is_slack_s_own_button_and_telegram_s_command(room: Desk) -> None:
    asked = await room.slack_asks("Frage")
    person = {"recipient_user_id": room.panes.slack.people["de"], "recipient_team_id": "T0000000001"}
    await room.slack_call("chat.startStream", thread_ts=asked, markdown_text="Es war", **person)
    assert await post(room, "/slack/stop", {"thread": asked}) == 204
    assert not room.slack.thread(room.panes.slack.channel, asked)[-1].streaming
    assert await post(room, "/telegram/stop", {}) == 204
    assert room.telegram.updates[-1]["message"]["text"] == "/stop"


# ── streaming ────────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def events(room: Desk, pane: str) -> AsyncIterator[aiohttp.StreamReader]:
    async with room.http.get(f"{room.address}/{pane}/events") as response:
        assert response.content_type == "text/event-stream"
        yield response.content


async def following(stream: aiohttp.StreamReader) -> Any:
    async with asyncio.timeout(10):
        while not (line := await stream.readline()).startswith(b"data:"):
            assert not stream.at_eof()
    return json.loads(line[5:])


async def test_slack_s_stream_tells_what_is_there_and_then_what_changes(room: Desk) -> None:
    asked = await room.slack_asks("Frage")
    async with events(room, "slack") as stream:
        everything = await following(stream)
        (message,) = everything["messages"]
        assert (message["id"], message["own"], message["markup"]) == (asked, True, "mrkdwn")
        assert everything["names"]["U0000000BOT"] == "plausch"
        await room.slack_call("agents.sessions.setStatus", channel_id=room.panes.slack.channel, thread_ts=asked,
                              status="processing")  # fmt: skip
        assert await following(stream) == {"kind": "typing", "thread": asked, "text": "processing"}
        async with events(room, "slack") as later:
            assert (await following(later))["statuses"] == {asked: "processing"}
        answered = await room.slack_call("chat.postMessage", thread_ts=asked, markdown_text="**Ja**")
        told = (await following(stream))["message"]
        assert (told["thread"], told["bot"], told["markup"], told["text"]) == (asked, True, "markdown", "**Ja**")
        async with events(room, "slack") as later:
            assert (await following(later))["statuses"] == {}
        await room.slack_call("chat.update", ts=answered["ts"], markdown_text="**Nein**")
        assert (await following(stream))["message"]["text"] == "**Nein**"
        await room.slack_call("chat.delete", ts=answered["ts"])
        assert await following(stream) == {"kind": "gone", "id": answered["ts"]}


async def test_what_only_one_person_sees_reaches_only_that_person_s_pane(room: Desk) -> None:
    people = room.panes.slack.people
    async with events(room, "slack") as stream:
        await following(stream)
        await room.slack_call("chat.postEphemeral", user=people["en"], text="For Jane")
        await room.slack_call("chat.postEphemeral", user=people["de"], text="Für Erika")
        assert (await following(stream))["message"]["text"] == "Für Erika"
    async with events(room, "slack") as stream:
        assert [message["text"] for message in (await following(stream))["messages"]] == ["Für Erika"]


async def test_telegram_s_stream_tells_what_is_there_and_then_what_changes(room: Desk) -> None:
    commands = [{"command": "hilfe", "description": "Hilfe zeigen"}]
    await room.telegram_call("setMyCommands", commands=commands, language_code="de")
    room.telegram.say(room.panes.telegram.people["de"], "Hallo")
    async with events(room, "telegram") as stream:
        everything = await following(stream)
        assert [message["text"] for message in everything["messages"]] == ["Hallo"]
        assert everything["commands"] == commands
        await room.telegram_call("sendChatAction", action="typing")
        assert (await following(stream))["kind"] == "typing"
        sent = await room.telegram_call("sendMessage", text="…")
        assert (await following(stream))["message"]["bot"] is True
        room.telegram.say(room.panes.telegram.people["en"], "Somebody else's chat")
        bold = [{"type": "bold", "offset": 0, "length": 2}]
        await room.telegram_call("editMessageText", message_id=sent["message_id"], text="Ja!", entities=bold)
        told = (await following(stream))["message"]
        assert (told["id"], told["text"], told["entities"]) == (str(sent["message_id"]), "Ja!", bold)
        await room.telegram_call("deleteMessage", message_id=sent["message_id"])
        assert await following(stream) == {"kind": "gone", "id": str(sent["message_id"])}


async def test_the_stream_shows_signs_of_life_and_ends_with_the_panes() -> None:
    async with desk(heartbeat_seconds=0.01) as room, events(room, "slack") as stream:
        await following(stream)
        assert b": alive" in await asyncio.wait_for(stream.readuntil(b": alive\n"), 10)
        room.panes.close()
        await asyncio.wait_for(stream.read(), 10)
        assert stream.at_eof()
