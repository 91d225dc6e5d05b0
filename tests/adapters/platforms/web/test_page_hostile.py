"""The page in a real Chromium, shown what people and models may write to take it over."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.support.browser import chromium
from tests.support.web_chat import WebChat, served, web_chat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page

# One browser for the file, so all of its tests share one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

ATTACKS = """<img src=x onerror=alert(1)><svg onload=alert(1)></svg><script>alert(1)</script>
<iframe src="javascript:alert(1)"></iframe></p></article></li><style>*{display:none}</style>

[a](javascript:alert(1)) [b](JAVASCRIPT&colon;alert(1)) [c](data:text/html,<script>alert(1)</script>)
[d](https://a.example/"onmouseover="alert(1)) <javascript:alert(1)> ![x](CANARY/image.png) <CANARY/auto>
[e](CANARY/link) CANARY/bare [`<b>`](vbscript:x) **<i>fett</i>** `<u>code</u>`

|<b>|[x](javascript:x)|
|-|-|
|<img src=CANARY/cell.png>|</table>|

```"><script>alert(1)</script>
</code></pre><img src=CANARY/code.png>
```
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@asynccontextmanager
async def opened(browser: Browser, chat: WebChat) -> AsyncIterator[Page]:
    """The page; a dialog, an error, or a breach of the page's own policy fails the test."""
    complaints: list[str] = []
    context = await browser.new_context(locale="de-DE", viewport={"width": 500, "height": 700})
    page = await context.new_page()
    page.set_default_timeout(10_000)
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    await page.goto(chat.address)
    try:
        yield page
    finally:
        await context.close()
    assert complaints == []


async def exchange(page: Page, chat: WebChat, question: str, answer: str) -> None:
    """Ask this and get that, streamed."""
    field = page.get_by_role("textbox", name="Nachricht")
    await field.fill(question)
    await field.press("Enter")
    turn = await chat.asked()
    await chat.write(turn, answer[: len(answer) // 3], answer[: len(answer) // 2])
    await chat.finish(turn, answer)
    await expect(page.locator(".answer").last).to_have_attribute("data-kind", "answer")


async def test_nothing_that_is_written_becomes_part_of_the_page_or_is_fetched(browser: Browser) -> None:
    fetched: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetched.append(await reader.readline())
        writer.close()

    canary = await asyncio.start_server(note, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{canary.sockets[0].getsockname()[1]}"
    text = ATTACKS.replace("CANARY", url)
    async with canary, served(web_chat()) as chat, opened(browser, chat) as page:
        await exchange(page, chat, text, text)
        await page.reload()
        await expect(page.locator(".answer").last).to_have_attribute("data-kind", "answer")

        foreign = "script, img, svg, iframe, style, form, object, embed, base, meta, link, u, i:not(.dots i)"
        assert await page.locator(".turn").locator(foreign).count() == 0
        attributes = "it => [...it.querySelectorAll('*')].flatMap(one => one.getAttributeNames())"
        named = await page.locator("#turns").evaluate(attributes)
        assert not [name for name in named if name.startswith(("on", "src", "style"))]
        assert (await page.locator(".question p[dir]").inner_text()).strip() == text.strip()
        links = await page.locator("#turns a").evaluate_all("them => them.map(it => [it.href, it.rel, it.target])")
        assert {tuple(link[1:]) for link in links} == {("noopener noreferrer", "_blank")}
        assert {link[0].rpartition("/")[0] for link in links} <= {url, "https://a.example"}
        assert f"{url}/image.png" in {link[0] for link in links}
    assert fetched == []


@pytest.mark.parametrize(
    "text",
    [
        "\u202e\u2066\u202dTürkisch\u2067 rückwärts\u202b " * 20,
        "Z\u0351\u036b\u0343" + "\u0489\u0334\u0353" * 3000 + "algo" + "\u0304" * 400 + " unten" + "\u0331" * 400,
        "𝕏😀👩‍👩‍👧‍👦" * 400,
        "W" * 3000,
        "\u200f\u200e\u061c\ufeff\u2028\u2029\u0085\u000b" * 100 + "Ende",
        "﷽" * 300,
    ],
    ids=["bidi", "zalgo", "four-bytes", "one-word", "invisible", "wide"],
)
async def test_no_writing_moves_or_hides_what_is_not_its_own(browser: Browser, text: str) -> None:
    async with served(web_chat()) as chat, opened(browser, chat) as page:
        await exchange(page, chat, "Vorher", "Davor steht das.")
        await exchange(page, chat, text, text)
        await exchange(page, chat, "Nachher", "Danach steht das.")

        for part in ("html", "#scroll", ".bar"):
            assert await page.locator(part).evaluate("it => it.scrollWidth <= it.clientWidth"), part
        hidden = "(it, hidden) => { it.style.visibility = hidden ? 'hidden' : '' }"
        for neighbour in (page.locator(".prose").first, page.locator(".question").last):
            with_it = await neighbour.screenshot()
            await page.locator(".turn").nth(1).evaluate(hidden, True)
            assert await neighbour.screenshot() == with_it
            await page.locator(".turn").nth(1).evaluate(hidden, False)
        await expect(page.get_by_role("textbox", name="Nachricht")).to_be_editable()
