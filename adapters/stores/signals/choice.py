"""Which signals fit: the one place that knows what the processes of a service have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from adapters.stores.memory import InProcessSignals
from adapters.stores.signals.between import SignalsBetweenProcesses

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from adapters.stores.signals.ways import Way
    from adapters.stores.sql.database import Database

AnySignals: TypeAlias = "InProcessSignals | SignalsBetweenProcesses"


def signals_for(database: Database, redis: Redis | None = None) -> AnySignals:
    """Signals for every process that shares this database, by Redis where it answers, else by PostgreSQL.

    On SQLite one process answers all, but for terminal sessions, which answer themselves alone: there is nobody to
    signal to. Close the signals before the database and the client.
    """
    if database.is_sqlite:
        return InProcessSignals()
    from adapters.stores.sql.signals import ListenNotify  # noqa: PLC0415 - late: the driver, which SQLite does not need
    from adapters.stores.sql.signals_missed import StoredSignals  # noqa: PLC0415 - late, the same

    ways: list[Way] = [ListenNotify(database)]
    if redis is not None:
        from adapters.stores.redis.signals import PubSubWay  # noqa: PLC0415 - late: a third of a second

        ways.insert(0, PubSubWay(redis))
    return SignalsBetweenProcesses(ways, StoredSignals(database))
