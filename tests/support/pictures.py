"""The pictures in ``docs/images``: the sandbox with its real small model, in a real Chromium (``make screenshots``)."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import expect

from bot.models import Served, served
from bot.sandbox import for_sandbox, opened
from bot.settings import Settings
from tests.support.browser import chromium
from tests.support.files import ROOT

if TYPE_CHECKING:
    from playwright.async_api import Browser, FrameLocator, Page

IMAGES = ROOT / "docs" / "images"
QUESTION = "Schreib mir eine Python-Funktion, die prüft, ob ein Wort ein Palindrom ist."
SHORT_QUESTION = "Wie sagt man „Der Zug fährt um neun Uhr ab“ auf Englisch?"
_ANSWER_MS = 180_000


async def main() -> None:
    """Take them all."""
    settings = Settings.model_validate({})
    model = served(settings)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            opened(for_sandbox(settings, Path(folder), http_port=0), model) as sandbox,
            chromium() as browser,
        ):
            await sandbox.until_ready(120)
            await of_the_web_chat(browser, sandbox.service.web.address)
            await of_the_sandbox(browser, sandbox.page)
    await _close(model)


async def _close(model: Served) -> None:
    await model.server.aclose()


async def of_the_web_chat(browser: Browser, address: str) -> None:
    """One conversation: on a desktop while it is being answered, on a phone afterwards."""
    context = await browser.new_context(locale="de-DE", viewport={"width": 1280, "height": 800}, device_scale_factor=2)
    page = await context.new_page()
    await page.goto(address)
    await page.get_by_role("textbox").fill(SHORT_QUESTION)
    await page.get_by_role("textbox").press("Enter")
    await _quiet(page)
    await page.get_by_role("textbox").fill(QUESTION)
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator("pre")).to_contain_text("return", timeout=_ANSWER_MS)
    await page.screenshot(path=IMAGES / "web-chat.png", animations="disabled")
    await _quiet(page)
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.emulate_media(color_scheme="dark")
    await page.screenshot(path=IMAGES / "web-chat-phone.png", animations="disabled")
    await context.close()


async def of_the_sandbox(browser: Browser, address: str) -> None:
    """The same question in all three places."""
    context = await browser.new_context(locale="de-DE", viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    await page.goto(address)
    panes = [page.frame_locator(f"#{name} iframe") for name in ("slack", "telegram", "web")]
    for pane in panes:
        await pane.get_by_role("textbox", name="Nachricht").fill(SHORT_QUESTION)
        await pane.get_by_role("textbox", name="Nachricht").press("Enter")
        await expect(pane.get_by_text("Ich bin eine KI").first).to_be_visible(timeout=_ANSWER_MS)
        await _quiet(pane)
    await page.screenshot(path=IMAGES / "sandbox.png", animations="disabled")
    await context.close()


async def _quiet(pane: FrameLocator | Page) -> None:
    """Wait until the answer grows no more."""
    body, before = pane.locator("body"), ""
    await asyncio.sleep(5)
    while (text := await body.inner_text()) != before:
        before = text
        await asyncio.sleep(3)


if __name__ == "__main__":
    asyncio.run(main())
