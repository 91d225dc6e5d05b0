"""What the suite tells: a bar for each scenario while it plays, a table at the end, a file for whoever reads later."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.faults.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from tests.faults.scenario import Result

COUNTS = ("sent", "answered", "noticed", "undeliverable", "lost", "double", "out_of_order", "wrong")
ZERO = frozenset({"lost", "double", "out_of_order", "wrong"})
_HEADS = {"noticed": "notices", "undeliverable": "gone", "out_of_order": "disorder"}
_CAPTION = (
    "notices: visible ends that are no answer · gone: undeliverable · disorder: answered out of order · wrong: wrongly"
    " shown · empty: empty placeholders, of Telegram sends that were cut in flight"
)
_MOST_COMPLAINTS = 12


def bars(console: Console) -> Progress:
    """One line for each scenario that plays: turns that are over, of all that will be asked."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def table(results: Sequence[Result]) -> Table:
    """A line for each scenario, and the sums."""
    found = Table(title="Faults", caption=_CAPTION)
    found.add_column("scenario", no_wrap=True)
    for name in COUNTS:
        found.add_column(_HEADS.get(name, name), justify="right")
    found.add_column("empty (cut sends)", justify="right")
    found.add_column("seconds", justify="right")
    for result in results:
        name = result.name if not result.error else f"[red]{result.name}: broke off[/red]"
        found.add_row(name, *_cells(result.verdict), f"{result.seconds:.0f}")
    found.add_section()
    found.add_row("all", *_cells(total(results)), f"{sum(result.seconds for result in results):.0f}")
    return found


def _cells(verdict: Verdict) -> list[str]:
    cells = [_cell(name, getattr(verdict, name)) for name in COUNTS]
    return [*cells, f"{verdict.empty} ({verdict.cut_sends})"]


def _cell(name: str, count: int) -> str:
    if name in ZERO and count:
        return f"[bold red]{count}[/bold red]"
    return str(count)


def total(results: Sequence[Result]) -> Verdict:
    """All scenarios in one."""
    return sum((result.verdict for result in results), Verdict())


def troubles(result: Result) -> list[str]:
    """What to say about a scenario that is not clean."""
    complaints = result.verdict.complaints
    more = len(complaints) - _MOST_COMPLAINTS
    return [
        *complaints[:_MOST_COMPLAINTS],
        *([f"… and {more} more"] if more > 0 else []),
        *([result.error] if result.error else []),
    ]


def write(path: Path, results: Sequence[Result], seconds: float) -> None:
    """Everything as JSON."""
    path.parent.mkdir(exist_ok=True)
    everything = {
        "seconds": round(seconds, 1),
        "clean": all(result.clean for result in results),
        "total": asdict(total(results)),
        "scenarios": [asdict(result) for result in results],
    }
    path.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
