"""The way in and out, in a real Chromium with its back-forward cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from adapters.stores.sql.operators import Role
from tests.support.browser import chromium
from tests.support.dashboard import PASSWORD, dashboard

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.stores.sql.database import Database


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The statements are tested on both databases elsewhere."""
    return f"sqlite:///{tmp_path / 'plausch.sqlite3'}"


async def test_an_owner_comes_in_invites_somebody_and_leaves_nothing_behind(database: Database) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    async with dashboard(database) as running, chromium() as browser:
        erika = await running.operators.add("Erika", Role.OWNER, by=None)
        context = await browser.new_context(locale="de-DE")
        page = await context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))

        await page.goto(f"{running.address}/admin/link/{await running.operators.link(erika, by=None)}")
        for field in await page.locator("input[type=password]").all():
            await field.fill(PASSWORD)
        await page.get_by_role("button", name="Passwort festlegen").click()
        await expect(page.get_by_role("heading", name="Übersicht")).to_be_visible()

        await page.get_by_role("link", name="Konten").click()
        await page.get_by_label("Name", exact=True).fill("Max")
        await page.locator("form.invite button").last.click()
        await expect(page.get_by_text("/admin/link/")).to_have_count(0)  # in a field that can be copied, not in a line
        assert "/admin/link/" in await page.locator("#link-url").input_value()

        await page.get_by_role("button", name="English").click()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.get_by_role("link", name="Audit log").click()
        await expect(page.get_by_text("Max: reviewer")).to_be_visible()
        stored = await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
        assert stored[:2] == [0, 0]
        assert "plausch_operator" not in stored[2]

        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        await page.go_back()
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        await expect(page.get_by_text("Max: reviewer")).to_have_count(0)
        await context.close()
    assert complaints == []
    assert {url.split("/")[2] for url in asked} == {running.address.split("/")[2]}
