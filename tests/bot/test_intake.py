"""What platforms hand in is stored, or it is known why not."""

from __future__ import annotations

import contextlib

import pytest

from adapters.stores.signals.choice import signals_for
from adapters.stores.sql.database import Database
from adapters.stores.sql.inbox import SqlInbox
from bot.intake import StoringIntake
from bot.metrics import Metrics
from conversation.errors import StoreUnavailable
from tests.support.databases import Rows
from tests.support.words import question


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_why_the_newest_message_could_not_be_stored_is_known_until_one_can(
    database: Database, database_url: str
) -> None:
    name = database.url.database
    await Rows(database).change(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with contextlib.aclosing(Database(database_url)) as full:
        intake = StoringIntake(SqlInbox(full), signals_for(database, None), Metrics())
        with pytest.raises(StoreUnavailable):
            await intake.accept(question())
        refused = intake.trouble

        await Rows(database).change(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await full.engine.dispose()
        assert (await intake.accept(question())).new

    assert refused == "the newest message could not be stored: the database can only be read (25006)"
    assert intake.trouble is None
