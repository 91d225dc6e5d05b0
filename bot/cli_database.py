"""What commands need that look into the database: one that is up to date, and a word where it is away."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import typer

from bot.terminal_text import in_one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.stores.sql.database import Database
    from bot.settings import Settings
    from conversation.errors import PlauschError


@contextlib.asynccontextmanager
async def up_to_date(settings: Settings) -> AsyncIterator[Database]:
    """The database that the settings name, brought up to date, for one command."""
    from adapters.stores.sql.database import Database  # noqa: PLC0415 - late: other commands need none of it
    from adapters.stores.sql.upgrade import upgrade  # noqa: PLC0415 - late, as above

    database = Database(settings.database_url)
    try:
        await upgrade(database)
        yield database
    finally:
        await database.aclose()


def told(trouble: PlauschError) -> typer.Exit:
    """Say it, and what to do; the exit to raise."""
    typer.echo(f"plausch: {in_one_line(str(trouble))} `plausch doctor` checks all settings.", err=True)
    return typer.Exit(1)
