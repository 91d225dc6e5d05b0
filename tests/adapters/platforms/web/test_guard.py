from __future__ import annotations

import asyncio

import pytest

from tests.support.web_chat import WebChat, browser_of, served, web_chat

PATHS = ("/", "/static/chat.js", "/api/v1/conversation", "/api/v1/events")
PROXIED = (
    *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Via"),
    *("X-Real-IP", "CF-Connecting-IP", "True-Client-IP"),
)


@pytest.mark.parametrize("base", ["http://127.0.0.1", "http://localhost:8700", "http://[::1]:8700", "http://LOCALHOST"])
async def test_a_browser_on_this_machine_sees_the_page(chat: WebChat, base: str) -> None:
    async with browser_of(chat, base) as client:
        assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["chat.example", "127.0.0.1.example", "localhost.example:80", "localhost:x", "a@localhost", "10.0.0.5", ""]
)
async def test_a_name_that_only_leads_here_is_refused_on_every_route(chat: WebChat, path: str, host: str) -> None:
    async with browser_of(chat) as client:
        refusal = await client.get(path, headers={"Host": host})
    assert refusal.status_code == 403
    assert "PLAUSCH_WEB_CHAT" in refusal.text
    assert 'lang="de"' in refusal.text
    assert 'lang="en"' in refusal.text


@pytest.mark.parametrize("header", PROXIED)
async def test_what_came_through_a_proxy_is_refused(chat: WebChat, header: str) -> None:
    async with browser_of(chat) as client:
        assert (await client.get("/", headers={header: "localhost"})).status_code == 403


async def test_what_came_through_a_proxy_that_says_nothing_of_itself_is_refused(chat: WebChat) -> None:
    async with served(chat) as there:
        port = there.address.rpartition(":")[2]
        for version, status in (("1.1", b" 200 "), ("1.0", b" 403 ")):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
            writer.write(f"GET / HTTP/{version}\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            assert status in await asyncio.wait_for(reader.readline(), 10)
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("path", ["/api/v1/messages", "/api/v1/stop"])
@pytest.mark.parametrize("headers", [{"Host": "chat.example"}, {"X-Forwarded-For": "10.0.0.5"}])
async def test_a_name_that_only_leads_here_can_not_write_either(
    chat: WebChat, path: str, headers: dict[str, str]
) -> None:
    async with browser_of(chat) as client:
        await client.get("/")
        content = {"id": "00000000-0000-4000-8000-000000000001", "text": "Hallo"}
        assert (await client.post(path, json=content, headers=headers)).status_code == 403
    assert chat.book.received == []


@pytest.mark.parametrize("origin", ["http://evil.example", "https://localhost.evil.example", "null", "http://[bad"])
async def test_a_request_made_by_another_site_is_refused(chat: WebChat, origin: str) -> None:
    async with browser_of(chat) as client:
        assert (await client.get("/api/v1/conversation", headers={"Origin": origin})).status_code == 403


@pytest.mark.parametrize("peer", ["192.168.1.20", "2001:db8::1", "::ffff:10.0.0.1", "testclient"])
async def test_another_machine_is_refused_whatever_host_it_names(chat: WebChat, peer: str) -> None:
    async with browser_of(chat, peer=peer) as client:
        assert (await client.get("/")).status_code == 403


@pytest.mark.parametrize("peer", ["::1", "::ffff:127.0.0.1"])
async def test_loopback_over_ipv6_is_this_machine(chat: WebChat, peer: str) -> None:
    async with browser_of(chat, peer=peer) as client:
        assert (await client.get("/")).status_code == 200


async def test_a_setting_opens_the_page_to_others_behind_a_proxy() -> None:
    async with browser_of(web_chat(open_to_others=True), "https://chat.example", "10.0.0.7") as client:
        page = await client.get("/", headers={"X-Forwarded-For": "192.0.2.7"})
        assert page.status_code == 200
        assert "Secure" in page.headers["set-cookie"]


async def test_the_page_allows_only_what_comes_from_itself(chat: WebChat) -> None:
    async with browser_of(chat) as client:
        page = await client.get("/")
    policy = page.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/static/chat.css", "/static/none.css", "/api/v1/conversation"])
async def test_every_response_carries_the_security_headers(chat: WebChat, path: str) -> None:
    async with browser_of(chat) as client:
        response = await client.get(path)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" in response.headers


async def test_a_named_origin_may_frame_the_page() -> None:
    async with browser_of(web_chat(framed_by=["http://127.0.0.1:8701"])) as client:
        page = await client.get("/")
    assert page.headers["content-security-policy"].endswith("frame-ancestors http://127.0.0.1:8701")
    assert "x-frame-options" not in page.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:8700"},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/messages", "/api/v1/stop"])
async def test_another_page_on_this_machine_cannot_write(chat: WebChat, path: str, headers: dict[str, str]) -> None:
    async with browser_of(chat) as client:
        await client.get("/")
        content = {"id": "00000000-0000-4000-8000-000000000001", "text": "Hallo"}
        refusal = await client.post(path, json=content, headers=headers)
    assert refusal.status_code == 403
    assert set(refusal.json()) == {"error", "field", "cure"}
    assert chat.book.received == []


async def test_the_page_itself_can_write(chat: WebChat) -> None:
    async with browser_of(chat) as client:
        await client.get("/")
        content = {"id": "00000000-0000-4000-8000-000000000001", "text": "Hallo"}
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8700"}
        assert (await client.post("/api/v1/messages", json=content, headers=headers)).status_code == 202
