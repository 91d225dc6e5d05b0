from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.web_chat import WebChat, browser_of, web_chat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx


@pytest.fixture
def chat() -> WebChat:
    return web_chat()


@pytest.fixture
async def visitor(chat: WebChat) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has opened the page."""
    async with browser_of(chat) as client:
        assert (await client.get("/")).status_code == 200
        yield client
