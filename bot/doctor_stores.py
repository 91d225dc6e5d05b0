"""What the doctor looks at in the stores."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from redis.exceptions import AuthenticationError
from sqlalchemy import make_url

from adapters.stores.redis.connection import TROUBLE, connect
from adapters.stores.sql.database import Database
from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.upgrade import missing_migrations
from bot.findings import Finding, Mark, warning, well, wrong
from bot.vigil import too_old
from conversation.errors import PlauschError, SettingWrong, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.settings import Settings

_SETTING = "PLAUSCH_DATABASE_URL"
_LEAST_FREE, _SOON_FULL = 200_000_000, 2_000_000_000
_UPGRADE = "`plausch run` brings it up to date when it starts, `plausch db upgrade` does now."


async def database(settings: Settings) -> Sequence[Finding]:
    """Whether it can be reached and written, whether its schema is up to date, and how much room there is."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        return await _opened(settings)
    file = Path(url.database or "")
    if await asyncio.to_thread(file.exists):
        return [*await _opened(settings), await asyncio.to_thread(_room, file.parent)]
    return await asyncio.to_thread(_not_made_yet, file)


def _not_made_yet(file: Path) -> Sequence[Finding]:
    """The doctor makes no file: it looks at the folder that it would stand in."""
    file = file.absolute()
    folder = next(parent for parent in file.parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return [wrong(_SETTING, f"{file} can't be made: {folder} can't be written.", "Name a file elsewhere.")]
    return [well("database", f"{file} will be made by the first start"), _room(folder)]


async def _opened(settings: Settings) -> Sequence[Finding]:
    opened = Database(settings.database_url)
    shown = (
        str(opened.file.absolute()) if opened.is_sqlite else opened.url.set(drivername="postgresql").render_as_string()
    )
    try:
        return await _looked_at(opened, shown, settings.oldest_turn_seconds)
    except SettingWrong:
        raise
    except (PlauschError, OSError) as trouble:
        cure = "Check that the file is plausch's own." if opened.is_sqlite else "Check that PostgreSQL runs there."
        return [wrong(_SETTING, f"{shown} can't be used ({trouble}).", cure)]
    finally:
        await opened.aclose()


async def _looked_at(opened: Database, shown: str, oldest_seconds: float) -> Sequence[Finding]:
    found = [await _writable(opened, shown), await _up_to_date(opened)]
    if all(finding.mark is Mark.WELL for finding in found):
        found += await _turns(opened, oldest_seconds)
    return found


async def _writable(opened: Database, shown: str) -> Finding:
    """Take the lock of a write, and give it back."""
    try:
        async with opened.writing() as connection:
            if (
                not opened.is_sqlite
                and (await connection.exec_driver_sql("SHOW transaction_read_only")).scalar() == "on"
            ):
                return wrong(_SETTING, f"{shown} can only be read.", "Use the server that takes writes.")
    except StoreUnavailable as trouble:
        if opened.is_sqlite and "locked" in str(trouble):
            return warning("database", f"{shown} is busy: another program holds its lock.", "Look again in a moment.")
        raise
    return well("database", f"{shown} can be read and written")


async def _up_to_date(opened: Database) -> Finding:
    if await missing_migrations(opened):
        return warning("schema", "it is not up to date.", _UPGRADE)
    return well("schema", "up to date")


async def _turns(opened: Database, oldest_seconds: float) -> Sequence[Finding]:
    """What waits for an answer, and what was put aside."""
    backlog = await SqlInbox(opened).backlog()
    found = []
    if trouble := too_old(backlog, oldest_seconds):
        cure = "Is `plausch run` running, and the model server well? /readyz of the service names what is in trouble."
        found.append(warning("turns", f"{trouble}.", cure))
    if backlog.parked:
        says = f"{backlog.parked} were put aside after too many failures."
        found.append(warning("turns", says, "`plausch turns parked` lists them, `plausch turns retry ID` tries again."))
    return found or [well("turns", f"{backlog.open} wait for an answer, none of them for long; none was put aside")]


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    says = f"{free / 1e9:,.1f} GB are free in {folder}"
    if free < _LEAST_FREE:
        return wrong("disk", f"{says}.", f"Make room, or let {_SETTING} name a file elsewhere.")
    if free < _SOON_FULL:
        return warning("disk", f"only {says}.", "Make room soon.")
    return well("disk", says)


async def redis(settings: Settings) -> Sequence[Finding]:
    """Whether it answers, where one is set."""
    if not settings.redis_url:
        return [well("Redis", "off (PLAUSCH_REDIS_URL is not set); one process needs none")]
    client = connect(settings.redis_url)
    try:
        await client.ping()
    except AuthenticationError:
        cure = "Put them into the address: redis://user:password@host:6379/0."
        return [wrong("PLAUSCH_REDIS_URL", "it wants another user or password.", cure)]
    except TROUBLE as trouble:
        cure = "Start it, correct the address, or remove the setting: plausch works without."
        return [wrong("PLAUSCH_REDIS_URL", f"it does not answer ({type(trouble).__name__}: {trouble}).", cure)]
    finally:
        await client.aclose()
    return [well("Redis", "it answers")]
