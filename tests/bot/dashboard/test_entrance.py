"""Who comes in, and how."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql.audit import SqlAudit
from adapters.stores.sql.operators import Role
from bot.dashboard.guard import own_path
from bot.dashboard.routes import EVERYBODY, PREFIX, WAYS, Way
from tests.support.dashboard import PASSWORD, Open, dashboard, link_in
from tests.support.databases import Rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.stores.sql.database import Database

SOMEBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The statements are tested on both databases elsewhere."""
    return f"sqlite:///{tmp_path / 'plausch.sqlite3'}"


@pytest.fixture
async def page(database: Database) -> AsyncIterator[Open]:
    async with dashboard(database) as running:
        yield running


def filled(path: str) -> str:
    return PREFIX + path.replace("{token}", "x" * 43).replace("{id}", SOMEBODY)


async def test_a_one_time_link_leads_in_once(page: Open) -> None:
    erika = await page.operators.add("Erika", Role.OWNER, by=None)
    token = await page.operators.link(erika, by=None)
    async with page.browser() as browser:
        for _ in range(2):  # a preview does not use it up
            assert "Erika" in (await browser.get(f"/admin/link/{token}")).text
        wrong = await browser.post(f"/admin/link/{token}", password="short", again="short")
        assert wrong.status == 422
        inside = await browser.post(f"/admin/link/{token}", password=PASSWORD, again=PASSWORD)
        assert (inside.status, inside.path) == (200, "/admin")
        assert (await browser.get(f"/admin/link/{token}")).status == 410
        assert (await browser.post(f"/admin/link/{token}", password=PASSWORD, again=PASSWORD)).status == 410


async def test_who_signs_in_gets_to_where_they_wanted(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser() as browser:
        asked = await browser.get("/admin/audit?days=30")
        assert asked.path.startswith("/admin/sign-in?next=")
        arrived = await browser.sign_in("erika", goal="/admin/audit?days=30")
        assert (arrived.status, arrived.path) == (200, "/admin/audit?days=30")
        assert (await browser.get("/admin/sign-in")).path == "/admin"


@pytest.mark.parametrize(
    "goal",
    ["//a.example", "https://a.example", "/admin//a.example", "/admin\\a", "/", "/admin\r\nX: y", "/adminx", ""],
)
def test_nobody_is_led_elsewhere(goal: str) -> None:
    assert own_path(goal) == "/admin"


@pytest.mark.parametrize("name", ["Erika", "nobody", "", "Er\0ika", "x" * 5000])
async def test_a_wrong_name_or_password_gets_the_same_answer(page: Open, name: str) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser() as browser:
        answer = await browser.sign_in(name, "wrong wrong wrong")
        assert answer.status == 403
        assert "Name or password is wrong" in answer.text or "ist falsch" in answer.text
        assert browser.cookie is None


async def test_a_name_that_is_tried_too_often_has_to_wait_whether_it_is_one_or_not(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    for name in ("Erika", "nobody"):
        async with page.browser() as browser:
            assert [(await browser.sign_in(name, "wrong wrong wrong")).status for _ in range(5)] == [403] * 5
    await Rows(page.database).change('UPDATE sign_in_failures SET "count" = 40')  # so that no machine is too slow
    for name in ("Erika", "nobody"):
        async with page.browser() as browser:
            # Nor does the right password tell that it is right.
            assert [(await browser.sign_in(name, word)).status for word in ("wrong", PASSWORD)] == [429, 429]


async def test_signing_out_ends_the_sign_in_on_the_server_too(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser("Erika") as browser:
        secret = browser.cookie
        out = await browser.post("/admin/sign-out", follow=False)
        assert (out.status, out.headers["Clear-Site-Data"]) == (303, '"cache"')
        assert browser.cookie is None
        browser.headers["Cookie"] = f"__Host-plausch_operator={secret}"
        assert (await browser.get("/admin", follow=False)).status == 303


async def test_signing_out_everywhere_ends_the_others(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser("Erika") as here, page.browser("Erika") as there:
        assert (await there.get("/admin")).path == "/admin"
        assert (await here.post("/admin/account/sign-out-everywhere")).path == "/admin/sign-in"
        assert (await there.get("/admin")).path.startswith("/admin/sign-in")


async def test_the_cookie_can_be_read_by_no_script_and_goes_to_no_other_host(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser() as browser:
        answer = await browser.post("/admin/sign-in", follow=False, name="Erika", password=PASSWORD)
        attributes = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]}
        assert answer.headers["Set-Cookie"].startswith("__Host-plausch_operator=")
        assert attributes == {"httponly", "path=/", "samesite=lax", "secure"}


async def test_a_browser_that_dropped_the_cookie_is_told_why(page: Open) -> None:
    async with page.browser() as browser:
        answer = await browser.get("/admin/signed-in")
        assert answer.status == 403
        assert "HTTPS" in answer.text
        del browser.headers["Sec-Fetch-Site"]
        browser.headers["Host"] = "plausch.example"
        assert "ssh -L" in (await browser.get("/admin/sign-in")).text
        browser.headers["Host"] = "localhost:8080"
        assert "ssh -L" not in (await browser.get("/admin/sign-in")).text


@pytest.mark.parametrize("way", [way for way in WAYS if way.method == "POST"], ids=lambda way: way.path)
async def test_no_other_page_can_send_our_forms(page: Open, way: Way) -> None:
    await page.operator("Erika", Role.OWNER)
    path = filled(way.path)
    async with page.browser("Erika") as browser:
        for site in ("cross-site", "same-site", "none"):
            browser.headers = {"Sec-Fetch-Site": site}
            assert (await browser.post(path, follow=False)).status == 403
        for origin in ("http://a.example", "null"):
            browser.headers = {"Origin": origin}
            assert (await browser.post(path, follow=False)).status == 403
        browser.headers = {"Sec-Fetch-Site": "same-origin"}
        assert (await browser.get("/admin")).path == "/admin"


@pytest.mark.parametrize("role", [None, *Role])
async def test_every_route_is_open_to_its_roles_only(page: Open, role: Role | None) -> None:
    await page.operator("Erika", Role.OWNER)
    if role is not None:
        await page.operator("Max", role)
    for way in WAYS:
        async with page.browser("Max" if role else None) as browser:
            send = browser.get if way.method == "GET" else browser.post
            answer = await send(filled(way.path), follow=False)
            if not way.roles or role in way.roles:
                assert answer.status != 403 or way.path in {"/sign-in", "/signed-in", "/account/password"}, way.path
            elif role is None:
                assert (answer.status, answer.headers["Location"].split("?")[0]) == (303, "/admin/sign-in")
            else:
                assert answer.status == 403, way.path


async def test_every_answer_keeps_itself_to_itself(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser("Erika") as browser:
        paths = [filled(way.path) for way in WAYS if way.method == "GET"]
        for path in [*paths, "/admin/nothing", "/admin/static/nothing.css", "/admin/static/tokens.css"]:
            answer = await browser.get(path, follow=False)
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Cache-Control"] == ("no-cache" if path.endswith("tokens.css") else "no-store"), path


async def test_a_form_that_came_over_plain_http_is_told_what_is_wrong(page: Open) -> None:
    async with page.browser() as browser:
        browser.headers = {"Origin": "null", "Host": "plausch.example"}
        answer = await browser.sign_in("Erika")
        assert answer.status == 403
        assert "ssh -L" in answer.text


async def test_who_sends_a_form_slowly_has_the_rights_of_when_it_was_whole(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    max_id = (await page.operator("Max", Role.OWNER)).id
    async with page.browser("Max") as browser:
        _, port = page.address.rsplit(":", 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        body = b"name=spy&role=owner&everywhere=yes"
        head = "POST /admin/operators HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\n"
        head += f"Content-Length: {len(body)}\r\nCookie: __Host-plausch_operator={browser.cookie}\r\n\r\n"
        writer.write(head.encode() + body[:9])
        await writer.drain()
        await page.operators.remove(max_id, by=None)
        writer.write(body[9:])
        assert b" 303 " in await asyncio.wait_for(reader.readline(), 10)
        writer.close()
    assert await page.operators.named("spy") is None


@pytest.mark.parametrize("host", ["[", "[::1", "x]y", "a b", "\\"])
async def test_an_odd_host_makes_no_page_fail(page: Open, host: str) -> None:
    async with page.browser() as browser:
        browser.headers = {"Host": host}
        assert (await browser.get("/admin/sign-in")).status == 200


async def test_a_cookie_whose_name_only_looks_like_ours_is_none(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser("Erika") as erika, page.browser() as browser:
        for cookie in ("\xa0__Host-plausch_operator={0}", "__Host-plausch_operator=x; __Host-plausch_operator={0}"):
            browser.headers["Cookie"] = cookie.format(erika.cookie)
            assert (await browser.get("/admin", follow=False)).status == 303
        browser.headers["Cookie"] = f"theme=dark; __Host-plausch_operator={erika.cookie}; other=1"
        assert (await browser.get("/admin", follow=False)).status == 200


async def test_nobody_is_shut_out_by_a_name_that_reads_like_another_and_a_place(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser() as browser:
        for _ in range(6):
            await browser.sign_in("erika from 127.0.0.1", "wrong wrong wrong")
        assert (await browser.sign_in("Erika")).path == "/admin"


async def test_a_form_that_is_too_large_is_refused(page: Open) -> None:
    async with page.browser() as browser:
        assert (await browser.post("/admin/sign-in", name="x" * 100_000)).status == 413


async def test_an_owner_manages_operators(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser("Erika") as owner, page.browser() as browser:
        invited = await owner.post("/admin/operators", name="Max", role="reviewer", everywhere="yes")
        link = link_in(invited.text)
        assert (await browser.post(link, password=PASSWORD, again=PASSWORD)).path == "/admin"
        assert (await browser.get("/admin/operators")).status == 403

        max_id = next(one.id for one in await page.operators.all() if one.name == "Max")
        await owner.post(f"/admin/operators/{max_id}", role="owner", everywhere="yes")
        assert (await browser.get("/admin/operators")).status == 200  # at once
        await owner.post(f"/admin/operators/{max_id}", role="reviewer")
        changed = await page.operators.of_id(max_id)
        assert changed is not None
        assert changed.workspaces == ()  # nothing was ticked: nothing is opened

        assert (await owner.post("/admin/operators", name="max", role="admin")).status == 422
        await owner.post(f"/admin/operators/{max_id}/remove")
        assert (await browser.get("/admin", follow=False)).status == 303
        erika_id = next(one.id for one in await page.operators.all())
        assert (await owner.post(f"/admin/operators/{erika_id}/remove")).status == 422
    actions = [entry.action for entry in (await SqlAudit(page.database).entries()).entries]
    assert {"operator_added", "operator_changed", "operator_removed", "link_made", "password_set"} <= set(actions)


async def test_an_operator_changes_language_zone_and_password(page: Open) -> None:
    await page.operator("Erika", Role.ADMIN)
    async with page.browser("Erika") as here, page.browser("Erika") as there:
        saved = await here.post("/admin/account", language="en", zone="America/New_York")
        assert 'lang="en"' in saved.text
        assert 'lang="de"' in (await here.post("/admin/language", language="de", next="/admin/account")).text
        assert (await here.post("/admin/account", language="en", zone="Mond/Krater")).status == 422

        new = "Regen Tasse Leiter"
        assert (await here.post("/admin/account/password", current="wrong", password=new, again=new)).status == 403
        changed = await here.post("/admin/account/password", current=PASSWORD, password=new, again=new)
        assert changed.path == "/admin/account?done=password"
        assert (await there.get("/admin")).path.startswith("/admin/sign-in")
    async with page.browser() as browser:
        assert (await browser.sign_in("Erika", new)).path == "/admin"


async def test_reading_the_audit_log_is_in_it(page: Open) -> None:
    await page.operator("Erika", Role.OWNER)
    async with page.browser("Erika") as browser:
        await browser.get("/admin/audit?action=signed_in&days=&before=x")
        await browser.get("/admin/audit?days=99999999999999999999&before=99999999999999999999")
        assert (await browser.get("/admin/audit")).status == 200
    newest = (await SqlAudit(page.database).entries()).entries[0]
    assert newest.action == "audit_read"


def test_ways_that_need_nobody_are_few() -> None:
    assert {way.path for way in WAYS if way.roles == EVERYBODY} == {
        *("/sign-in", "/signed-in", "/sign-out", "/link/{token}", "/language"),
    }
