from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from adapters.platforms.web import platform as platform_module
from adapters.platforms.web import requests as requests_module
from adapters.platforms.web.language import preferred
from conversation.turns import Ending, EndingKind
from tests.support.web_chat import browser_of, served, web_chat

if TYPE_CHECKING:
    import httpx

    from tests.support.web_chat import WebChat

ID = "00000000-0000-4000-8000-000000000001"


async def say(client: httpx.AsyncClient, text: str, message_id: str | None = None) -> httpx.Response:
    return await client.post("/api/v1/messages", json={"id": message_id or str(uuid4()), "text": text})


async def test_a_message_becomes_the_sessions_own_and_opens_a_turn(chat: WebChat, visitor: httpx.AsyncClient) -> None:
    response = await say(visitor, "Wie spät ist es?", ID)
    assert response.status_code == 202
    assert response.json() == {"turn": "turn-0", "new": True}
    (message,) = chat.book.received
    assert message.text == "Wie spät ist es?"
    assert message.conversation.platform == "web"
    assert message.conversation.workspace == "web"
    assert message.identity == f"{message.conversation.thread}:{ID}"
    assert message.direct
    assert not message.mentioned
    assert message.author.locale == "de"


async def test_a_retry_with_the_same_id_is_the_same_message(chat: WebChat, visitor: httpx.AsyncClient) -> None:
    await say(visitor, "Hallo", ID)
    again = await say(visitor, "Hallo", ID)
    assert again.status_code == 202
    assert again.json() == {"turn": "turn-0", "new": False}
    assert len(chat.book.received) == 1


async def test_the_secret_of_a_session_is_in_nothing_that_is_stored(chat: WebChat, visitor: httpx.AsyncClient) -> None:
    await say(visitor, "Hallo")
    secret = visitor.cookies["plausch_session"]
    message = chat.book.received[0]
    assert len(secret) == 22
    assert secret not in repr(message)
    assert message.author.id not in repr(message.conversation)


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(chat: WebChat) -> None:
    async with browser_of(chat) as client:
        cookie = (await client.get("/")).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


async def test_a_second_visit_keeps_the_session(visitor: httpx.AsyncClient) -> None:
    before = visitor.cookies["plausch_session"]
    assert before in (await visitor.get("/")).headers["set-cookie"]


async def test_a_cookie_that_is_not_ours_is_replaced(chat: WebChat) -> None:
    async with browser_of(chat) as client:
        page = await client.get("/", headers={"Cookie": "plausch_session=guessed"})
    assert "guessed" not in page.headers["set-cookie"]


async def test_two_browsers_do_not_see_each_other(chat: WebChat, visitor: httpx.AsyncClient) -> None:
    await say(visitor, "geheim")
    async with browser_of(chat) as other:
        await other.get("/")
        assert (await other.get("/api/v1/conversation")).json() == {"turns": []}


async def test_the_conversation_tells_questions_and_endings(chat: WebChat, visitor: httpx.AsyncClient) -> None:
    await say(visitor, "Hallo", ID)
    await say(visitor, "neu")
    chat.book.end(chat.book.turns[0], Ending(EndingKind.ANSWER, "Hi!", lead="Ich bin eine KI."))
    chat.book.end(chat.book.turns[1], Ending(EndingKind.NOTICE, lead="Frisch begonnen.", starts_afresh=True))
    await say(visitor, "Und?")
    first, second, third = (await visitor.get("/api/v1/conversation")).json()["turns"]
    assert first == {
        "turn": "turn-0",
        "state": "decided",
        "questions": [{"id": ID, "text": "Hallo"}],
        "text": "Ich bin eine KI.\n\nHi!",
        "kind": "answer",
        "afresh": False,
    }
    assert (second["kind"], second["afresh"]) == ("notice", True)
    assert (third["text"], third["kind"], third["state"]) == (None, "", "open")


async def test_stop_is_a_message_that_calls_us(chat: WebChat, visitor: httpx.AsyncClient) -> None:
    response = await visitor.post("/api/v1/stop", json={"id": ID})
    assert response.status_code == 202
    (message,) = chat.book.received
    assert (message.text, message.mentioned) == ("stop", True)
    assert message.identity.endswith(ID)


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        ({"id": ID, "text": ""}, 422, "text"),
        ({"id": ID, "text": " \n\t"}, 422, "text"),
        ({"id": ID, "text": "\0"}, 422, "text"),
        ({"id": ID, "text": "x" * 32_001}, 422, "text"),
        ({"id": ID, "text": 7}, 422, "text"),
        ({"id": ID}, 422, "text"),
        ({"id": "1", "text": "Hallo"}, 422, "id"),
        ({"text": "Hallo"}, 422, "id"),
        ([1], 400, None),
    ],
)
async def test_what_is_wrong_is_said_with_its_field_and_cure(
    chat: WebChat, visitor: httpx.AsyncClient, content: object, status: int, field: str | None
) -> None:
    refusal = await visitor.post("/api/v1/messages", json=content)
    assert refusal.status_code == status
    problem = refusal.json()
    assert problem["field"] == field
    assert problem["error"]
    assert problem["cure"]
    assert chat.book.received == []


async def test_the_longest_message_is_taken_in_its_widest_form(visitor: httpx.AsyncClient) -> None:
    content = json.dumps({"id": ID, "text": "🙂" * 32_000})  # Two escapes of six bytes for each.
    response = await visitor.post("/api/v1/messages", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 202


@pytest.mark.parametrize("body", ["", "{", "nix", '"\\ud800', "[" * 100_000, b"\xff\xfe"])
async def test_what_is_no_json_is_refused(visitor: httpx.AsyncClient, body: str | bytes) -> None:
    refusal = await visitor.post("/api/v1/messages", content=body, headers={"Content-Type": "application/json"})
    assert refusal.status_code == 400


async def test_a_form_of_another_site_is_no_json(visitor: httpx.AsyncClient) -> None:
    refusal = await visitor.post("/api/v1/messages", content="{}", headers={"Content-Type": "text/plain"})
    assert refusal.status_code == 415


async def test_a_body_without_end_is_cut_off(visitor: httpx.AsyncClient) -> None:
    refusal = await visitor.post("/api/v1/messages", json={"id": ID, "text": "x" * 600_000})
    assert refusal.status_code == 413


async def test_a_body_that_does_not_come_is_given_up_and_whoever_hangs_up_is_not_waited_for(
    chat: WebChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_module, "_READ_SECONDS", 0.05)
    async with served(chat) as there:
        host = there.address.removeprefix("http://")
        head = f"POST /api/v1/messages HTTP/1.1\r\nHost: {host}\r\nCookie: plausch_session={'A' * 22}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
        reader, writer = await asyncio.open_connection("127.0.0.1", int(host.partition(":")[2]))
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.read(), 3)
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"zu langsam" in answer
    assert chat.book.received == []


async def test_whoever_hangs_up_in_the_middle_changes_nothing(chat: WebChat) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(event: Any) -> None:
        sent.append(event)

    headers = {"host": "localhost", "content-type": "application/json", "cookie": f"plausch_session={'A' * 22}"}
    scope = {"type": "http", "method": "POST", "path": "/api/v1/messages", "query_string": b"", "scheme": "http"}
    scope |= {"client": ("127.0.0.1", 5), "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    await chat.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert chat.book.received == []


async def test_a_database_that_swallows_everything_is_no_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_module, "_STORED_SECONDS", 0.05)
    chat = web_chat()
    monkeypatch.setattr(chat.book, "accept", lambda _: asyncio.Event().wait())
    async with browser_of(chat) as client:
        assert (await client.get("/")).status_code == 200
        assert (await say(client, "Hallo")).status_code == 503


async def test_a_database_that_is_away_is_no_acknowledgement(chat: WebChat, visitor: httpx.AsyncClient) -> None:
    chat.book.away = True
    refusal = await say(visitor, "Hallo")
    assert refusal.status_code == 503
    assert refusal.headers["retry-after"] == "2"
    assert "Datenbank" in refusal.json()["error"]
    assert (await visitor.get("/api/v1/conversation")).status_code == 503


async def test_problems_are_told_in_the_language_asked_for(visitor: httpx.AsyncClient) -> None:
    content = {"id": ID, "text": ""}
    refusal = await visitor.post("/api/v1/messages", json=content, headers={"Accept-Language": "en-GB"})
    assert refusal.json()["error"] == "The message is empty."


@pytest.mark.parametrize("path", ["/api/v1/conversation", "/api/v1/events"])
async def test_without_a_session_there_is_nothing_to_read(chat: WebChat, path: str) -> None:
    async with browser_of(chat) as stranger:
        assert (await stranger.get(path)).status_code == 401


async def test_without_a_session_nothing_is_taken(chat: WebChat) -> None:
    async with browser_of(chat) as stranger:
        assert (await say(stranger, "Hallo")).status_code == 401
        assert (await stranger.post("/api/v1/stop", json={"id": ID})).status_code == 401
    assert chat.book.received == []


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "de"),
        ("fr", "de"),
        ("en", "en"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("de-AT, en;q=0.9", "de"),
        ("fr;q=1, de;q=0.1, en;q=0.2", "en"),
        ("en;q=nonsense", "de"),
        ("en;q=0", "de"),
        ("en;x=1", "en"),
    ],
)
def test_the_browser_says_which_language(header: str, language: str) -> None:
    assert preferred(header) == language


async def test_the_page_speaks_the_browsers_language_unless_it_was_switched(visitor: httpx.AsyncClient) -> None:
    english = {"Accept-Language": "en"}
    assert "What shall we talk about?" in (await visitor.get("/", headers=english)).text
    visitor.cookies.set("plausch_language", "de")
    assert '<html lang="de">' in (await visitor.get("/", headers=english)).text
    visitor.cookies.set("plausch_language", "xx")
    assert '<html lang="en">' in (await visitor.get("/", headers=english)).text


async def test_all_that_the_page_names_is_served_by_us(visitor: httpx.AsyncClient) -> None:
    page = (await visitor.get("/")).text
    names = set(re.findall(r'(?:href|src)="(static/[^"]+)"', page))
    assert {"static/chat.css", "static/chat.js", "static/icon.svg", "static/tokens.css"} <= names
    for name in names:
        asset = await visitor.get(f"/{name}")
        assert asset.status_code == 200
    assert "http://" not in page
    assert "https://" not in page
    assert "<style" not in page
    assert " style=" not in page


async def test_an_asset_that_is_still_the_same_is_not_sent_again(visitor: httpx.AsyncClient) -> None:
    asset = await visitor.get("/static/chat.css")
    assert asset.headers["content-type"].startswith("text/css")
    again = await visitor.get("/static/chat.css", headers={"If-None-Match": asset.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize("name", ["words.json", "chat.html", "__init__.py", "..%2Fguard.py", "nothing.css"])
async def test_only_assets_are_served(visitor: httpx.AsyncClient, name: str) -> None:
    assert (await visitor.get(f"/static/{name}")).status_code == 404
