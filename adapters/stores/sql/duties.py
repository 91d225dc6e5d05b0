"""Duties: what one process of many does, as long as it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, or_

from adapters.stores.sql.tables import duties
from adapters.stores.sql.types import in_seconds, insert_into

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database


class SqlDuties:
    """Who does what, by the database's clock: a holder that is killed is followed within its ``seconds``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold(self, name: str, holder: str, seconds: float) -> bool:
        """Take the duty, or keep it, for so long; False: another one holds it. Raises ``StoreUnavailable``."""
        async with self._database.writing() as connection:
            ours = insert_into(connection, duties).values(name=name, holder=holder, ends=in_seconds(seconds))
            free = or_(duties.c.holder == holder, duties.c.ends < in_seconds())
            taken = ours.on_conflict_do_update(
                index_elements=["name"], set_={"holder": holder, "ends": in_seconds(seconds)}, where=free
            )
            return (await connection.execute(taken.returning(duties.c.name))).scalar() is not None

    async def let_go(self, name: str, holder: str) -> None:
        """Give the duty up, if it is ours. Raises ``StoreUnavailable``."""
        async with self._database.writing() as connection:
            await connection.execute(delete(duties).filter_by(name=name, holder=holder))
