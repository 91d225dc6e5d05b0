"""Python imports this first in processes of tests that have this folder on their path: a clock that is wrong, a disk
that can be full.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sqlite3
import time
from datetime import datetime as RealDatetime  # noqa: N812 - the other one takes its name
from typing import Any

_ROOMY = 1_073_741_823


def _set_clock(seconds: float) -> None:
    """Let everything that asks Python for the date be wrong by so much. Durations stay right."""
    real_time, real_time_ns = time.time, time.time_ns

    class AlsoReal(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, RealDatetime)

    class Wrong(RealDatetime, metaclass=AlsoReal):
        __slots__ = ()

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return RealDatetime.now(tz) + dt.timedelta(seconds=seconds)

    dt.datetime = Wrong  # type: ignore[misc]  # that is the point
    time.time = lambda: real_time() + seconds
    time.time_ns = lambda: real_time_ns() + int(seconds * 1_000_000_000)


def _fill_disk_when_told() -> None:
    """SIGUSR1: SQLite's files may not grow any more, as on a disk that is full. SIGUSR2: there is room again."""
    connections: list[sqlite3.Connection] = []
    real, most = sqlite3.connect, [_ROOMY]

    def limit(connection: sqlite3.Connection) -> None:
        with contextlib.suppress(sqlite3.ProgrammingError):  # it was closed since
            connection.execute(f"PRAGMA max_page_count = {most[0]}")

    def connect(*args: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*args, **more)
        connections.append(connection)
        limit(connection)
        return connection

    def tell(number: int, _: object) -> None:
        # SQLite takes as many pages as there are where it is told fewer.
        most[0] = 1 if number == signal.SIGUSR1 else _ROOMY
        for connection in connections:
            limit(connection)

    sqlite3.connect = connect  # type: ignore[assignment]  # the real one has several signatures
    signal.signal(signal.SIGUSR1, tell)
    signal.signal(signal.SIGUSR2, tell)


if shift := os.environ.get("PLAUSCH_TEST_CLOCK_SECONDS"):
    _set_clock(float(shift))
if os.environ.get("PLAUSCH_TEST_DISK"):
    _fill_disk_when_told()
