"""Fixtures of the contract tests."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql.conversations import SqlConversations
from adapters.stores.sql.inbox import SqlInbox
from tests.support.valkey import Valkey, running_valkey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from adapters.stores.sql.database import Database


@pytest.fixture
def inbox(database: Database) -> SqlInbox:
    return SqlInbox(database)


@pytest.fixture
def store(database: Database) -> SqlConversations:
    return SqlConversations(database)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """One Valkey for each test process."""
    with running_valkey() as server:
        yield server


@pytest.fixture
async def valkey(valkey_server: Valkey) -> AsyncIterator[Valkey]:
    """It runs and is empty."""
    valkey_server.start()
    async with valkey_server.client() as client:
        await client.flushall()
    yield valkey_server
    valkey_server.go_on()
    gc.collect()  # a connection that was forgotten is complained about here, and not in some other test
