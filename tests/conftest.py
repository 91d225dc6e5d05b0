"""Fixtures that many tests share: real databases, and sockets that are closed beyond loopback."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_socket import socket_allow_hosts

from tests.support.databases import Rows, opened, postgres_database, postgres_server, postgres_template

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from adapters.stores.sql.database import Database

BUILD = Path("build")


def pytest_runtest_setup() -> None:
    """Nothing leaves this machine."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that was skipped has failed: what it needs, the set-up installs."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _settings_of_this_machine_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not reach the tests."""
    for name in list(os.environ):
        if name.startswith("PLAUSCH_") and not name.startswith("PLAUSCH_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One PostgreSQL for the whole run. Its folder's path is short: a socket's address has 107 bytes at most."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or tmp_path_factory.getbasetemp().name
    folder = Path(tempfile.gettempdir()) / f"plausch-{run[:12]}"
    with postgres_server(folder) as socket:
        yield socket


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database of each kind: SQLite's empty, PostgreSQL's up to date (making it anew for each test is slow)."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'plausch.sqlite3'}"
        return
    socket = request.getfixturevalue("postgres_socket")
    async with postgres_database(socket, await postgres_template(socket)) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of each kind, up to date."""
    async with opened(database_url) as opened_database:
        yield opened_database


@pytest.fixture
def rows(database: Database) -> Rows:
    """What stands in its tables."""
    return Rows(database)
