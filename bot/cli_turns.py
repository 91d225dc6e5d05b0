"""``plausch turns``: what was put aside, and trying it again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bot.cli_database import told, up_to_date
from bot.settings import Settings
from bot.terminal_text import in_one_line
from conversation.errors import PlauschError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from zoneinfo import ZoneInfo

    from conversation.ports import Inbox
    from conversation.turns import ParkedTurn

Result = TypeVar("Result")
turns_app = typer.Typer(no_args_is_help=True)
TurnIds = Annotated[list[str], typer.Argument(metavar="ID...", help="As `plausch turns parked` prints them.")]


@turns_app.command()
def parked() -> None:
    """List the turns that were put aside, oldest first. No texts are shown."""
    settings = Settings.load()
    turns = _run(settings, lambda inbox: inbox.parked())
    if not turns:
        typer.echo("No turn is parked.")
    for turn in turns:
        typer.echo(_line(turn, settings.zone))


@turns_app.command()
def retry(ids: TurnIds) -> None:
    """Open parked turns again: they are answered before what came after them. They need not be asked again."""
    settings = Settings.load()

    async def each(inbox: Inbox) -> list[bool]:
        return [await inbox.retry(turn_id) for turn_id in ids]

    opened = _run(settings, each)
    for turn_id, done in zip(ids, opened, strict=True):
        says = "is open again" if done else "is no parked turn: `plausch turns parked` lists them"
        typer.echo(f"{in_one_line(turn_id)} {says}", err=not done)
    if not all(opened):
        raise typer.Exit(1)


def _line(turn: ParkedTurn, zone: ZoneInfo) -> str:
    when = turn.parked_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    key = turn.conversation
    place = " ".join(part for part in (key.platform, key.workspace, key.channel, key.thread) if part)
    return in_one_line(f"{turn.turn_id}  {when}  {turn.failures} failures, last: {turn.reason}  {place}")


def _run(settings: Settings, work: Callable[[Inbox], Awaitable[Result]]) -> Result:
    async def with_inbox() -> Result:
        from adapters.stores.sql.inbox import SqlInbox  # noqa: PLC0415 - late: other commands need none of it

        async with up_to_date(settings) as database:
            return await work(SqlInbox(database))

    try:
        return asyncio.run(with_inbox())
    except PlauschError as trouble:
        raise told(trouble) from None
