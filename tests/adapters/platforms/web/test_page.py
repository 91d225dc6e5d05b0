"""The page in a real Chromium."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from conversation.turns import Ending, EndingKind
from tests.support.browser import chromium
from tests.support.web_chat import WebChat, place_of, served, web_chat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Locator, Page

# One browser for the file, so all of its tests share one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@asynccontextmanager
async def opened(browser: Browser, chat: WebChat, **options: object) -> AsyncIterator[Page]:
    """The page in a browser of its own; whatever it complains about fails the test."""
    complaints: list[str] = []
    context = await browser.new_context(**{"locale": "de-DE"} | options)  # type: ignore[arg-type]  # options are Playwright's own
    page = await context.new_page()
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    await page.goto(chat.address)
    try:
        yield page
    finally:
        await context.close()
    assert complaints == []


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Nachricht")


def answer(page: Page) -> Locator:
    return page.locator(".answer").last


async def ask(page: Page, text: str) -> None:
    await field(page).fill(text)
    await field(page).press("Enter")


async def test_a_question_is_answered_live_and_is_still_there_after_a_reload(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await expect(page.get_by_role("heading", name="Worüber plauschen wir?")).to_be_visible()
        await ask(page, "Wie spät ist es?")
        turn = await chat.asked()
        assert turn.questions[0].author.locale == "de"
        await expect(page.locator(".welcome")).to_be_hidden()
        await expect(answer(page).get_by_role("img", name="Antwort wird geschrieben")).to_be_visible()
        await chat.write(turn, "Es ist", "Es ist **zwölf")
        await expect(answer(page)).to_contain_text("Es ist **zwölf")
        await expect(page.locator("#said")).to_be_empty()
        await chat.finish(turn, "Es ist **zwölf** Uhr. 🙂")
        await expect(answer(page).locator("strong")).to_have_text("zwölf")
        await expect(page.locator("#said")).to_contain_text("Es ist zwölf Uhr. 🙂")
        await expect(page.locator("[data-live]")).to_have_count(0)
        await page.reload()
        await expect(page.locator(".question p[dir]")).to_have_text("Wie spät ist es?")
        await expect(answer(page).locator(".prose")).to_have_text("Es ist zwölf Uhr. 🙂")
        await expect(page.locator("#said")).to_be_empty()


async def test_the_stop_button_and_escape_stop_the_answer(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await expect(page.get_by_role("button", name="Antwort anhalten")).to_be_hidden()
        await ask(page, "Erzähl")
        turn = await chat.asked()
        await chat.write(turn, "Es war")
        await page.get_by_role("button", name="Antwort anhalten").click()
        assert (await chat.book.stopped.get()).mentioned
        await page.keyboard.press("Escape")
        await chat.book.stopped.get()
        await chat.finish(turn, Ending(EndingKind.STOPPED, "Es war", trail="(angehalten)"))
        await expect(page.get_by_role("button", name="Antwort anhalten")).to_be_hidden()
        await expect(answer(page)).to_have_attribute("data-kind", "stopped")
        await expect(answer(page).locator(".label")).to_have_text("Angehalten")
        await expect(field(page)).to_be_focused()


async def test_shift_and_enter_begin_a_line_and_nothing_empty_is_sent(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await ask(page, "   ")
        await field(page).fill("eins")
        await field(page).press("Shift+Enter")
        await field(page).press_sequentially("zwei")
        await field(page).press("Enter")
        assert (await chat.asked()).questions[0].text == "eins\nzwei"
        await expect(field(page)).to_have_value("")
        assert len(chat.book.received) == 1


@pytest.mark.parametrize("kind", [EndingKind.REFUSED, EndingKind.PARKED, EndingKind.NOTICE])
async def test_what_the_service_says_does_not_look_like_an_answer(browser: Browser, kind: EndingKind) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await ask(page, "Hallo")
        await chat.finish(await chat.asked(), Ending(kind, lead="Das ging nicht."))
        await expect(answer(page)).to_have_attribute("data-kind", kind)
        await expect(answer(page).locator(".label")).to_be_visible()
        transparent = "rgba(0, 0, 0, 0)"
        assert await answer(page).evaluate("it => getComputedStyle(it).backgroundColor") != transparent


async def test_the_buttons_say_commands_in_the_pages_language(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await page.get_by_role("button", name="Hilfe").click()
        assert (await chat.asked()).questions[0].text == "hilfe"
        await page.get_by_role("button", name="Switch to English").click()
        await expect(page.locator(".question")).to_be_visible()
        await page.get_by_role("button", name="New").click()
        question = (await chat.asked()).questions[0]
        assert (question.text, question.author.locale) == ("new", "en")


async def test_an_example_is_asked_with_one_click(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat, locale="en-GB") as page:
        await page.get_by_role("list", name="Examples").get_by_role("button").first.click()
        assert "dasselbe" in (await chat.asked()).questions[0].text


async def test_a_fresh_start_puts_the_old_part_away_and_brings_it_back_when_asked(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await ask(page, "Alt")
        await chat.finish(await chat.asked(), "Alte Antwort")
        await page.get_by_role("button", name="Neu: Neues Gespräch beginnen").click()
        await chat.finish(await chat.asked(), Ending(EndingKind.NOTICE, lead="Frisch begonnen.", starts_afresh=True))
        await expect(page.get_by_text("Alte Antwort", exact=True)).to_be_hidden()
        await expect(page.locator(".prose").get_by_text("Frisch begonnen.")).to_be_visible()
        await page.get_by_role("button", name="Früheres anzeigen").click()
        await expect(page.get_by_text("Alte Antwort", exact=True)).to_be_visible()


async def test_a_message_that_could_not_be_sent_is_kept_and_sent_once(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await expect(page.locator(".welcome")).to_be_visible()
        chat.book.away = True
        await ask(page, "Kommt das an?")
        await expect(page.locator(".note").last).to_contain_text("Noch nicht gesendet")
        chat.book.away = False
        await page.reload()
        turn = await chat.asked()
        assert turn.questions[0].text == "Kommt das an?"
        await chat.finish(turn, "Ja.")
        await expect(answer(page).locator(".prose")).to_have_text("Ja.")
        await expect(page.locator(".question")).to_have_count(1)
        assert len(chat.book.received) == 1


async def test_a_lost_connection_is_said_and_comes_back_with_what_was_missed(browser: Browser) -> None:
    chat = web_chat()
    async with served(chat), opened(browser, chat) as page:
        await ask(page, "Bist du noch da?")
        turn = await chat.asked()
        await chat.write(turn, "Ich")
        await expect(answer(page)).to_contain_text("Ich")
        blocked = "**/api/v1/events"
        await page.route(blocked, lambda route: route.abort())
        chat.web.close()
        await expect(page.get_by_text("Verbindung unterbrochen")).to_be_visible()
        await chat.finish(turn, "Ich bin wieder da.")
        chat.web._closing.clear()
        await page.unroute(blocked)
        await expect(answer(page).locator(".prose")).to_have_text("Ich bin wieder da.")
        await expect(page.get_by_text("Verbindung unterbrochen")).to_be_hidden()


async def test_a_page_that_comes_in_the_middle_shows_the_answer_so_far_and_goes_on(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await ask(page, "Zähl")
        turn = await chat.asked()
        await chat.write(turn, "🙂 eins")
        await page.reload()
        await expect(answer(page).locator(".prose")).to_have_text("🙂 eins")
        await chat.web.edit(place_of(turn), turn.turn_id, "🙂 eins zwei", last=False)
        await expect(answer(page).locator(".prose")).to_have_text("🙂 eins zwei")


async def test_two_tabs_of_one_browser_show_the_same(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        other = await page.context.new_page()
        await other.goto(chat.address)
        await expect(other.locator(".welcome")).to_be_visible()
        await ask(page, "Hallo")
        turn = await chat.asked()
        await chat.write(turn, "Guten")
        await expect(answer(other)).to_contain_text("Guten")
        await chat.finish(turn, "Guten Tag")
        await expect(answer(other).locator(".prose")).to_have_text("Guten Tag")
        await expect(answer(page).locator(".prose")).to_have_text("Guten Tag")


async def test_whoever_scrolls_up_to_read_is_left_there(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await ask(page, "Erzähl viel")
        turn = await chat.asked()
        long = "\n\n".join(f"Absatz {number}" for number in range(60))
        await chat.write(turn, long)
        await expect(page.get_by_text("Absatz 59")).to_be_in_viewport()
        await page.locator("#scroll").hover()
        await page.mouse.wheel(0, -1000)
        to_end = page.get_by_role("button", name="Zum Ende")
        await expect(to_end).to_be_visible()
        before = await page.locator("#scroll").evaluate("it => it.scrollTop")
        await chat.web.edit(place_of(turn), turn.turn_id, f"{long}\n\nAbsatz 60", last=False)
        await expect(page.get_by_text("Absatz 60")).to_be_attached()
        assert await page.locator("#scroll").evaluate("it => it.scrollTop") == before
        await to_end.click()
        await expect(page.get_by_text("Absatz 60")).to_be_in_viewport()
        await expect(to_end).to_be_hidden()


async def test_a_message_that_is_refused_says_why_and_gives_the_text_back(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await ask(page, "x" * 32_001)
        await expect(answer(page)).to_have_attribute("data-kind", "failed")
        await expect(answer(page)).to_contain_text("Kürze sie")
        await expect(field(page)).to_have_value("x" * 32_001)
        await page.reload()
        await expect(page.locator(".welcome")).to_be_visible()
        assert chat.book.received == []


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_nothing_sticks_out_to_the_side(browser: Browser, width: int) -> None:
    async with (
        served(web_chat()) as chat,
        opened(browser, chat, viewport={"width": width, "height": 700}) as page,
    ):
        await ask(page, "W" * 300)
        wide = "Hier:\n\n```\n" + "x" * 400 + "\n```\n\n" + "ü" * 300 + "\n\n|a|b|\n|-|-|\n|" + "y" * 300 + "|z|\n"
        await chat.finish(await chat.asked(), wide)
        await expect(answer(page)).to_have_attribute("data-kind", "answer")
        for part in ("html", "#scroll", ".bar"):
            assert await page.locator(part).evaluate("it => it.scrollWidth <= it.clientWidth"), part


async def test_the_page_can_be_used_by_keyboard_from_the_first_tab(browser: Browser) -> None:
    async with served(web_chat()) as chat, opened(browser, chat, has_touch=True, is_mobile=True) as page:
        await expect(page.locator(".welcome")).to_be_visible()
        await expect(field(page)).not_to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Zum Eingabefeld")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(field(page)).to_be_focused()
