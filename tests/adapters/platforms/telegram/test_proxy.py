from __future__ import annotations

from typing import TYPE_CHECKING

from yarl import URL

from adapters.platforms.telegram.transport import AiohttpRequest

if TYPE_CHECKING:
    import pytest

API = "https://api.telegram.org/bot"


async def proxy_of(api_url: str) -> URL | None:
    """The proxy that calls go through."""
    request = AiohttpRequest(3, api_url)
    await request.initialize()
    try:
        assert request._session is not None
        proxy = request._session._default_proxy
        return None if proxy is None else URL(proxy)
    finally:
        await request.shutdown()


async def test_the_proxy_of_the_environment_is_used_and_not_where_it_is_to_be_passed_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "telegram.example")
    assert await proxy_of(API) == URL("http://proxy.example:3128")
    assert await proxy_of("https://telegram.example/bot") is None


async def test_without_a_proxy_in_the_environment_calls_go_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert await proxy_of(API) is None
