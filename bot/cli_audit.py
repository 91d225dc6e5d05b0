"""``plausch audit``: whether the audit log is as it was written."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from bot.cli_database import told, up_to_date
from bot.settings import Settings
from bot.terminal_text import in_one_line
from conversation.errors import PlauschError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from adapters.stores.sql.audit_findings import Verdict
    from adapters.stores.sql.audit_walk import Head

audit_app = typer.Typer(no_args_is_help=True)
Logs = Annotated[
    list[typer.FileText] | None,
    typer.Option(
        "--log",
        metavar="FILE",
        encoding="utf-8",
        errors="replace",
        help="What the service logged, in any number of files; - reads standard input.",
    ),
]
_LOGGER = "adapters.stores.sql.audit"
_DIGEST = r"[0-9a-f]{64}"
# bot/logs.py: a line for a terminal, once its colours are gone. Anchored at its end: what stands in a value is quoted.
_LINE = re.compile(rf"\[info\s*\] audit\s+\[{re.escape(_LOGGER)}\] digest=({_DIGEST}) number=(\d{{1,18}})\s*$")
_COLOURS = re.compile("\x1b\\[[0-9;]*m")


@audit_app.callback()
def _group() -> None:
    """Without it, a single command would be the whole group."""


@audit_app.command()
def verify(log: Logs = None) -> None:
    """Look for entries that were changed, removed, moved or cut off. Exit code 1 if there are any.

    With the service's log as well: it knows what was cut off at the end, or written anew from some entry on.
    """
    settings, files = Settings.load(), log or []
    # The same head may stand in several logs.
    heads = list(dict.fromkeys(head for file in files for line in file if (head := head_in(line))))
    if files and not heads:
        typer.echo("No line of the log names an audit entry. The service writes them at the level info.", err=True)
    verdict = _verify(settings, heads)
    for finding in verdict.findings:
        typer.echo(in_one_line(finding.words))
    typer.echo(in_one_line(_summary(verdict, settings.zone, with_log=bool(files))))
    raise typer.Exit(int(not verdict.whole))


def _summary(verdict: Verdict, zone: ZoneInfo, *, with_log: bool) -> str:
    if not verdict.whole:
        return f"The audit log is not whole: {_many(len(verdict.findings), 'finding')} in {_entries(verdict)}."
    agree = f"{_many(verdict.agreed, 'head')} from the log {'agrees' if verdict.agreed == 1 else 'agree'}."
    if not with_log:
        agree = "What was cut off at its end, only the service's log can tell: give it with --log."
    if not verdict.entries:
        return f"The audit log is empty. {agree}" if not with_log else "The audit log is empty."
    says = f"The audit log is whole: {_entries(verdict)}, from {_when(verdict.began, zone)} to"
    return f"{says} {_when(verdict.ended, zone)}{'; ' if with_log else '. '}{agree}"


def _entries(verdict: Verdict) -> str:
    return _many(verdict.entries, "entry", "entries")


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def _when(at: datetime | None, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else "?"


def head_in(line: str) -> Head | None:
    """The head of the chain that this line of the service's log tells, if it tells one.

    Before it may stand what a container or the system's journal puts there.
    """
    from adapters.stores.sql.audit_walk import Head  # noqa: PLC0415 - late: other commands need none of it

    if found := _LINE.search(_COLOURS.sub("", line)):
        return Head(int(found[2]), found[1])
    try:
        told = json.loads(line[line.index("{") :])
        if (told["event"], told["logger"]) != ("audit", _LOGGER):
            return None
        number, digest = told["number"], told["digest"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    is_head = type(number) is int and isinstance(digest, str) and re.fullmatch(_DIGEST, digest)
    return Head(number, digest) if is_head else None


def _verify(settings: Settings, heads: Sequence[Head]) -> Verdict:
    try:
        return asyncio.run(_verdict(settings, heads))
    except PlauschError as trouble:
        raise told(trouble) from None


async def _verdict(settings: Settings, heads: Sequence[Head]) -> Verdict:
    """The verdict; on a terminal one sees how far it is."""
    from adapters.stores.sql.audit import SqlAudit  # noqa: PLC0415 - late, as above

    console = Console(stderr=True)
    async with up_to_date(settings) as database:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("Entries", total=None)
            return await SqlAudit(database).verify(
                heads, lambda done, total: progress.update(task, completed=done, total=total)
            )
