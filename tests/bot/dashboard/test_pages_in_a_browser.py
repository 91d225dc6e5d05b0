"""The pages in a real Chromium: nothing overflows or is cut off, everything can be hit and reached."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from adapters.platforms.web import assets
from bot.dashboard.guard import HEADERS
from tests.support.browser import chromium
from tests.support.dashboard_pages import Sample, empty, failing, hostile, usual
from tests.support.web_chat import QuietServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page
    from starlette.requests import Request

# One browser for the file, so all of its tests share one event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDTHS = (360, 768, 1280, 2560)
OWN_ASSETS = assets.assets_in(files("bot.dashboard") / "static")
MEASURE = """() => {
  const found = [];
  const named = (it) => `<${it.tagName} ${it.className}> ${it.textContent.trim().slice(0, 40)}`;
  const say = (what, it, more = "") => found.push(`${what}: ${named(it)} ${more}`);
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) say("scrolls sideways", root, `${root.scrollWidth}`);
  const away = ".unseen, .skip, dialog:not([open]), [hidden], thead";
  const unseen = (it) => it.closest(away) !== null || !it.checkVisibility();
  const inline = (it) => getComputedStyle(it).display === "inline";
  const sizes = new Set();
  for (const it of document.body.querySelectorAll("*")) {
    if (unseen(it)) continue;
    const box = it.getBoundingClientRect();
    if (box.width && (box.right > innerWidth + 0.5 || box.left < -0.5)) say("sticks out", it);
    const shortened = it.matches(".name, option, input, select, :has(> .unseen)");
    if (!shortened && !inline(it) && it.scrollWidth > it.clientWidth + 1) say("is clipped", it, `${it.scrollWidth}`);
    const speaks = [...it.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    if (speaks) sizes.add(getComputedStyle(it).fontSize);
    const target = it.matches(".choice input") ? it.closest("label") : it;
    if (innerWidth === 360 && it.matches("a, button, input, select, summary") && !inline(it)) {
      const room = target.getBoundingClientRect();
      if (room.height < 44 || room.width < 44) say("is too small to hit", it, `${room.width} x ${room.height}`);
    }
  }
  const texts = [];
  const every = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (every.nextNode()) {
    const text = every.currentNode, range = document.createRange();
    if (!text.data.trim() || text.length > 5000 || unseen(text.parentElement)) continue;
    if (text.parentElement.matches("option, .name")) continue;
    range.selectNodeContents(text);
    texts.push(...[...range.getClientRects()].filter((box) => box.width > 1).map((box) => [box, text.parentElement]));
  }
  const shared = (one, other) => [
    Math.min(one.right, other.right) - Math.max(one.left, other.left),
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top),
  ];
  texts.forEach(([one, it], at) => {
    const overlap = ([other, its]) => its !== it && shared(one, other).every((length) => length > 2);
    const covered = texts.slice(at + 1).find(overlap);
    if (covered) say("overlaps", it, named(covered[1]));
  });
  if (sizes.size > 6) say("too many sizes", root, [...sizes].join());
  for (const it of document.querySelectorAll("p, dd, td, .cures li")) {
    if (unseen(it) || it.textContent.length > 5000) continue;
    const lines = new Map();
    const walk = document.createTreeWalker(it, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const text = walk.currentNode, range = document.createRange();
      if (unseen(text.parentElement)) continue;
      for (let at = 0; at < text.length; at += 1) {
        if (/\\s/.test(text.data[at]) && /\\s/.test(text.data[at - 1] ?? " ")) continue;
        range.setStart(text, at);
        range.setEnd(text, at + 1);
        const top = Math.round(range.getBoundingClientRect().bottom / 8);
        lines.set(top, (lines.get(top) ?? 0) + 1);
      }
    }
    const longest = Math.max(0, ...lines.values());
    if (longest > 80) say("has long lines", it, `${longest}`);
  }
  return found;
}"""


class Site:
    """The samples behind a server, under the policy that the dashboard itself sends."""

    def __init__(self) -> None:
        self.shown: dict[str, bytes] = {}
        self.address = ""
        routes = [Route("/admin/static/{name}", self.asset), Route("/{at:path}", self.page)]
        self.app = Starlette(routes=routes)

    async def page(self, request: Request) -> Response:
        body = self.shown.get(request.path_params["at"])
        return Response(body or b"", 200 if body else 404, media_type="text/html", headers=HEADERS)

    async def asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        found = OWN_ASSETS.get(name) or assets.named(name)
        assert found, name
        return Response(found.content, media_type=found.media_type, headers=HEADERS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    site = Site()
    server = QuietServer(site.app)
    running = asyncio.create_task(server._serve())
    await asyncio.wait_for(server.ready.wait(), 10)
    site.address = f"http://127.0.0.1:{server.port}"
    yield site
    server.should_exit = True
    await asyncio.wait_for(running, 10)


@asynccontextmanager
async def opened(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page; a dialog of the browser's, an error, or a breach of the policy fails the test."""
    complaints: list[str] = []
    context = await browser.new_context(**{"locale": "de-DE", "reduced_motion": "reduce"} | options)
    page = await context.new_page()
    page.set_default_timeout(10_000)
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    try:
        yield page
    finally:
        await context.close()
    assert complaints == []


async def show(page: Page, site: Site, sample: Sample, language: str = "de") -> None:
    site.shown["sample"] = bytes(sample.shown(language).body)
    await page.goto(f"{site.address}/sample")


async def unfold(page: Page) -> None:
    """Open whatever can be opened."""
    await page.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true })")


@pytest.mark.parametrize("language", ["de", "en"])
async def test_every_page_fits_every_size(browser: Browser, site: Site, language: str) -> None:
    samples = {**usual(), **{f"{name}, empty": sample for name, sample in empty().items()}}
    bodies = {name: sample.shown(language).body for name, sample in samples.items()}
    bodies["error"] = failing(language)["503"].body
    async with opened(browser) as page:
        for name, body in bodies.items():
            site.shown["sample"] = bytes(body)
            await page.goto(f"{site.address}/sample")
            await unfold(page)
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 900})
                assert await page.evaluate(MEASURE) == [], (name, width)


async def test_nothing_that_is_written_breaks_a_page(browser: Browser, site: Site) -> None:
    async with opened(browser) as page:
        for name, sample in hostile().items():
            await show(page, site, sample)
            await unfold(page)
            assert await page.locator("script:not([src]), style, iframe, [onfocus]").count() == 0, name
            for width in (360, 1280):
                await page.set_viewport_size({"width": width, "height": 900})
                assert await page.evaluate(MEASURE) == [], (name, width)


async def test_rows_are_walked_through_and_opened_by_keys(browser: Browser, site: Site) -> None:
    async with opened(browser) as page:
        await show(page, site, usual()["operators"])
        await page.locator("#main").focus()
        rows = page.locator("[data-row]")
        for key, row in (("j", 0), ("j", 1), ("j", 2), ("j", 2), ("k", 1)):
            await page.keyboard.press(key)
            await expect(rows.nth(row)).to_be_focused()
        await page.keyboard.press("Control+j")
        await expect(rows.nth(1)).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(rows.nth(1).locator("details.manage")).to_have_attribute("open", "")
        name = page.get_by_label("Name", exact=True)
        await name.fill("")
        await name.press_sequentially("jk?/")
        await expect(name).to_have_value("jk?/")
        await expect(name).to_be_focused()


async def test_the_help_opens_by_key_and_by_button_and_the_keys_can_be_switched_off(
    browser: Browser, site: Site
) -> None:
    async with opened(browser) as page:
        await show(page, site, usual()["home"])
        help_ = page.get_by_role("dialog", name="Tastatur")
        await page.keyboard.press("?")
        await expect(help_).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(help_).to_be_hidden()
        await page.get_by_role("button", name="Tastatur").click()
        await help_.get_by_label("Tasten sind in diesem Browser an").uncheck()
        await help_.get_by_role("button", name="Schließen").click()
        await page.reload()
        await page.keyboard.press("?")
        await expect(help_).to_be_hidden()
        await expect(page.get_by_role("button", name="Tastatur")).to_be_visible()


async def test_the_first_tab_leads_past_the_navigation(browser: Browser, site: Site) -> None:
    async with opened(browser) as page:
        await show(page, site, usual()["home"])
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Zum Inhalt")).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()


async def test_the_new_link_is_selected_whole(browser: Browser, site: Site) -> None:
    async with opened(browser) as page:
        await show(page, site, usual()["operators"])
        field = page.get_by_label("Der Link")
        await expect(field).to_be_focused()
        assert await field.evaluate("it => it.value.length === it.selectionEnd - it.selectionStart")


async def test_pages_work_without_script(browser: Browser, site: Site) -> None:
    async with opened(browser, java_script_enabled=False) as page:
        await show(page, site, usual()["operators"])
        await page.locator("summary").first.click()
        await expect(page.get_by_role("button", name="Speichern")).to_be_visible()
        await expect(page.locator("#help-opener")).to_be_hidden()
