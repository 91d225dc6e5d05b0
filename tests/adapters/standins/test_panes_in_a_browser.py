"""Both panes in a real Chromium: what a person sees of what the bot writes, and how they write themselves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.browser import chromium
from tests.support.panes import desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Locator, Page

    from tests.support.panes import Desk

# One browser for the file, so all of its tests share one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@asynccontextmanager
async def opened(browser: Browser, room: Desk, path: str, **options: Any) -> AsyncIterator[Page]:
    """The page in a browser of its own; whatever it complains about fails the test."""
    complaints: list[str] = []
    context = await browser.new_context(**{"locale": "de-DE"} | options)
    page = await context.new_page()
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    await page.goto(f"{room.address}/{path}")
    try:
        yield page
    finally:
        await context.close()
    assert complaints == []


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Nachricht")


async def write(page: Page, text: str) -> None:
    await field(page).fill(text)
    await field(page).press("Enter")


MARKDOWN = """# Titel

Das ist **fett**, *schräg*, ~~weg~~ und `a < b && <i>c</i>`; &lt;b&gt; bleibt Text, ebenso 2 * 3 * 4 und
snake_case_name.

1. Eins
   - Unter
   - Noch
2. Zwei

```python
x = "<b>**kein** Fett</b>"
```

> Zitat

| A | B |
|---|---|
| 1 | 2 |

[gut](https://example.org/a_(b)) und [schlecht](javascript:alert(1)) und https://example.org/x.
<img src=x onerror="document.title='übernommen'"><script>document.title='übernommen'</script>"""


async def test_markdown_of_the_bot_is_formatted_and_nothing_else_in_it_comes_to_life(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "slack") as page:
        await room.slack_call("chat.postMessage", markdown_text=MARKDOWN)
        rich = page.locator(".rich")
        await expect(rich.locator(".heading")).to_have_text("Titel")
        await expect(rich.locator("strong")).to_have_text("fett")
        await expect(rich.locator("em")).to_have_text("schräg")
        await expect(rich.locator("s")).to_have_text("weg")
        await expect(rich.locator("p code")).to_have_text("a < b && <i>c</i>")
        await expect(rich).to_contain_text("<b> bleibt Text, ebenso 2 * 3 * 4 und")
        await expect(rich).to_contain_text("snake_case_name.")
        await expect(rich.locator("ol > li")).to_have_count(2)
        await expect(rich.locator("ol > li:first-child > ul > li")).to_have_text(["Unter", "Noch"])
        await expect(rich.locator("pre")).to_have_text('x = "<b>**kein** Fett</b>"')
        await expect(rich.locator("blockquote")).to_have_text("Zitat")
        await expect(rich.locator("td")).to_have_text(["1", "2"])
        links = await rich.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        assert links == ["https://example.org/a_(b)", "https://example.org/x"]
        await expect(rich).to_contain_text("<script>document.title='übernommen'</script>")
        assert await rich.locator("img, script").count() == 0
        assert await page.title() == "Slack-Attrappe"


@pytest.mark.parametrize(
    "text",
    [
        "`" * 11_000,
        "*" * 11_000,
        "[" * 11_000,
        "**a " * 2_700,
        "_a" * 5_500,
        "> " * 5_000,
        "- " * 5_000,
        "~~~~ `" * 1_500,
    ],
)
async def test_no_text_holds_up_the_page(browser: Browser, text: str) -> None:
    async with desk() as room, opened(browser, room, "slack") as page:
        await room.slack_call("chat.postMessage", markdown_text=text)
        await expect(page.locator(".rich")).to_be_visible()
        await room.slack_call("chat.postMessage", markdown_text="Danach")
        await expect(page.get_by_text("Danach")).to_be_visible(timeout=3_000)


async def test_what_a_person_typed_on_slack_reads_as_it_was_typed(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "slack") as page:
        await write(page, "Hallo *du* & <b>ihr</b>: `x < 1` https://example.org/y #sandbox")
        rich = page.locator(".rich")
        await expect(rich).to_have_text("@plausch Hallo du & <b>ihr</b>: x < 1 https://example.org/y #sandbox")
        await expect(rich.locator("strong")).to_have_text("du")
        await expect(rich.locator("code")).to_have_text("x < 1")
        await expect(rich.locator(".reference")).to_have_text(["@plausch", "#sandbox"])
        await expect(rich.locator("a")).to_have_attribute("href", "https://example.org/y")


async def test_a_new_question_opens_a_thread_and_what_follows_goes_into_it(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "slack") as page:
        await expect(page.get_by_role("heading", name="Das ist der Anfang von #sandbox")).to_be_visible()
        await write(page, "Erste Frage")
        await expect(page.locator("#where-text")).to_have_text("@plausch Erste Frage")
        await expect(page.get_by_role("heading", name="Das ist der Anfang")).to_be_hidden()
        await write(page, "Nachfrage")
        await expect(page.locator(".replies .rich")).to_have_text("@plausch Nachfrage")
        await page.get_by_role("button", name="Thread verlassen").click()
        await page.get_by_role("button", name="plausch erwähnen").click()
        await write(page, "Zweite Frage")
        await expect(page.locator("#messages > .message > .column > .rich")).to_have_text(
            ["@plausch Erste Frage", "Zweite Frage"]
        )
        await page.get_by_role("button", name="Im Thread antworten").first.click()
        await write(page, "Noch eine")
        await expect(page.locator(".replies .rich")).to_have_text(["@plausch Nachfrage", "Noch eine"])


async def test_an_answer_is_seen_while_it_is_streamed_and_can_be_stopped(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "slack") as page:
        asked = await room.slack_asks("Erzähl")
        channel = room.panes.slack.channel
        await room.slack_call("agents.sessions.setStatus", channel_id=channel, thread_ts=asked, status="processing")
        await expect(page.locator(".status")).to_have_text("plausch schreibt")
        person = {"recipient_user_id": room.panes.slack.people["de"], "recipient_team_id": "T0000000001"}
        stream = await room.slack_call("chat.startStream", thread_ts=asked, **person)
        await expect(page.get_by_role("img", name="plausch schreibt")).to_be_visible()
        await room.slack_call("chat.appendStream", ts=stream["ts"], markdown_text="Es war **einmal")
        await expect(page.locator(".replies .rich")).to_have_text("Es war **einmal")
        await page.get_by_role("button", name="Anhalten").click()
        await expect(page.get_by_role("button", name="Anhalten")).to_be_hidden()
        await expect(page.locator(".status")).to_be_hidden()
        await room.slack_call("chat.delete", ts=stream["ts"])
        await expect(page.locator(".replies .message")).to_have_count(0)


async def test_an_answer_to_a_slash_command_is_marked_as_seen_by_one_person(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "slack") as page:
        await write(page, "/plausch hilfe")
        whisper = page.locator("[data-whisper]")
        await expect(whisper).to_contain_text("Nur für dich sichtbar")
        await expect(whisper).to_contain_text("/plausch failed")


async def test_telegram_s_entities_are_formatted_where_they_stand(browser: Browser) -> None:
    text = "🙂 fett schräg Code\ndef f():\n    pass\nZitat Link böse <b>"

    def entity(kind: str, words: str, **more: str) -> dict[str, Any]:
        start = len(text[: text.index(words)].encode("utf-16-le")) // 2
        return {"type": kind, "offset": start, "length": len(words), **more}

    entities = [
        entity("bold", "fett schräg"),
        entity("italic", "schräg"),
        entity("code", "Code"),
        entity("pre", "def f():\n    pass", language="python"),
        entity("blockquote", "Zitat"),
        entity("text_link", "Link", url="https://example.org/z"),
    ]
    async with desk() as room, opened(browser, room, "telegram") as page:
        sent = await room.telegram_call("sendMessage", text="…")
        await expect(page.get_by_role("img", name="plausch schreibt")).to_be_visible()
        await room.telegram_call("editMessageText", message_id=sent["message_id"], text=text, entities=entities)
        rich = page.locator(".rich")
        await expect(rich.locator("strong:not(.unseen)")).to_have_text("fett schräg")
        await expect(rich.locator("strong > em")).to_have_text("schräg")
        await expect(page.locator(".rich > code")).to_have_text("Code")
        await expect(rich.locator("pre")).to_have_text("def f():\n    pass", use_inner_text=True)
        await expect(rich.locator("blockquote")).to_have_text("Zitat")
        await expect(rich.locator("a")).to_have_attribute("href", "https://example.org/z")
        await expect(rich).to_contain_text("🙂")
        await expect(rich).to_contain_text("böse <b>")
        assert await rich.locator("b").count() == 0
        await expect(page.locator("#said")).to_contain_text("fett schräg")


async def test_typing_shows_under_the_name_until_the_message_comes(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "telegram") as page:
        await write(page, "Hallo")
        await expect(page.locator(".own .rich")).to_have_text("Hallo")
        await room.telegram_call("sendChatAction", action="typing")
        await expect(page.locator("#status")).to_have_text("plausch schreibt …")
        await room.telegram_call("sendMessage", text="Hallo!")
        await expect(page.locator("#status")).to_have_text("Bot")
        await expect(page.locator(".message:not(.own) .rich")).to_have_text("Hallo!")


async def test_the_menu_sends_a_command_that_the_bot_offers(browser: Browser) -> None:
    async with desk() as room:
        commands = [{"command": "hilfe", "description": "Hilfe zeigen"}]
        await room.telegram_call("setMyCommands", commands=commands, language_code="de")
        async with opened(browser, room, "telegram") as page:
            await page.get_by_role("button", name="Befehle").click()
            await page.keyboard.press("Escape")
            await expect(page.locator("#menu")).to_be_hidden()
            await page.get_by_role("button", name="Befehle").click()
            await page.get_by_role("button", name="/hilfe Hilfe zeigen").click()
            await expect(page.locator(".own .rich")).to_have_text("/hilfe")
            await expect(page.locator("#menu")).to_be_hidden()


async def test_shift_and_enter_begin_a_line_and_nothing_empty_is_sent(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "telegram") as page:
        await write(page, "   ")
        await field(page).fill("eins")
        await field(page).press("Shift+Enter")
        await field(page).press_sequentially("zwei")
        await field(page).press("Enter")
        await expect(page.locator(".own .rich")).to_have_text("eins\nzwei", use_inner_text=True)
        assert len(room.telegram.updates) == 1


async def test_an_example_is_asked_by_a_click(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "telegram", locale="en-GB") as page:
        await page.get_by_role("button", name="How many words").click()
        await expect(page.locator(".own .rich")).to_contain_text("How many words")
        await expect(page.locator(".welcome")).to_be_hidden()


async def test_what_could_not_be_sent_stays_in_the_field(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "slack") as page:
        await page.route("**/slack/messages", lambda route: route.abort())
        await write(page, "Geht das?")
        await expect(page.get_by_text("Nicht gesendet.")).to_be_visible()
        await expect(field(page)).to_have_value("Geht das?")


async def test_a_page_whose_server_went_says_so(browser: Browser) -> None:
    async with desk() as room, opened(browser, room, "slack") as page:
        await expect(page.get_by_role("heading", name="Das ist der Anfang von #sandbox")).to_be_visible()
        room.panes.close()
        await expect(page.get_by_text("Keine Verbindung.")).to_be_visible()
