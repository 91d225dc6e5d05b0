"""One run of benchmarks: measured one after the other, then told as a table and as JSON."""

from __future__ import annotations

import asyncio
import inspect
import signal
import traceback
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.machine import machine, versions
from benchmarks.measured import NotMeasured, Result, short
from benchmarks.registry import BARS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from rich.console import Console

    from benchmarks.registry import Benchmark

# A benchmark that hangs has broken; the longest takes some four minutes.
BOUND_SECONDS = 600.0


@dataclass(slots=True)
class Outcome:
    """What came of a run: results, keys that this machine can't measure, and benchmarks that broke; each with why."""

    results: dict[str, Result] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def measure(benchmarks: Sequence[Benchmark], console: Console, *, quick: bool) -> Outcome:
    """Measure one after the other; one that breaks does not keep the others from being measured."""
    outcome = Outcome()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[doing]}"))
    # Drawn when there is something new only: a thread that draws would take time from what is measured here.
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as shown:
        for number, benchmark in enumerate(benchmarks, 1):
            name = f"{number}/{len(benchmarks)} {', '.join(benchmark.keys)}"
            task = shown.add_task(name, total=1.0, doing="")

            def progress(done: float, doing: str = "", task: Any = task) -> None:
                shown.update(task, completed=done, doing=doing, refresh=True)

            progress(0)
            _measure(benchmark, progress, outcome, quick=quick)
            shown.remove_task(task)
    return outcome


def _measure(benchmark: Benchmark, progress: Callable[..., None], outcome: Outcome, *, quick: bool) -> None:
    try:
        measuring = benchmark.load()(quick, progress)
        results = _in_loop(measuring) if inspect.isawaitable(measuring) else measuring
    except NotMeasured as why:
        outcome.not_measured |= dict.fromkeys(benchmark.keys, str(why))
    except Exception as trouble:  # noqa: BLE001 - whatever went wrong, the others are measured and the run has failed
        traceback.print_exception(trouble)
        outcome.broken[benchmark.module] = f"{type(trouble).__name__}: {trouble}"
    else:
        outcome.results |= {result.key: result for result in results}


def _in_loop(measuring: Awaitable[Sequence[Result]]) -> Sequence[Result]:
    """In the loop that the service has, too. SIGTERM ends it like Ctrl-C: what was started is ended on the way out."""

    async def until_told() -> Sequence[Result]:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                return await measuring
        except Exception:
            if task.cancelling():  # Ctrl-C ends what was started too, and of that the benchmark complains
                raise asyncio.CancelledError from None
            raise

    try:
        return _run(until_told())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _run(main: Coroutine[Any, Any, Sequence[Result]]) -> Sequence[Result]:
    try:
        import uvloop  # noqa: PLC0415 - not to be had on every platform
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def table(outcome: Outcome) -> Table:
    """The results in the order of the bars."""
    shown = Table(header_style="bold", show_edge=False, pad_edge=False)
    for column in ("key", "value", "bar", "", "beside"):
        shown.add_column(column, justify="right" if column in {"value", "bar"} else "left", overflow="fold")
    for key, bar in BARS.items():
        wanted = f"{'≥' if bar.at_least else '≤'} {short(bar.bar)}" + (f" (aim {short(bar.aim)})" if bar.aim else "")
        if result := outcome.results.get(key):
            mark = "[green]✓[/]" if result.passes else "[red]✗[/]"
            raw = [f"{name} {short(figure)}" for name, figure in result.ceiling.items()]
            unit = "" if result.unit == "ratio" else f" {result.unit}"
            shown.add_row(key, f"{short(result.value)}{unit}", wanted, mark, ", ".join([bar.against, *raw]))
        elif why := outcome.not_measured.get(key):
            shown.add_row(key, "not measured", wanted, "–", why)
    return shown


def as_json(outcome: Outcome, *, quick: bool) -> dict[str, Any]:
    """What ``build/bench.json`` holds: values, raw figures, versions and the machine's measure, no names of its own."""
    results = {
        key: {name: value for name, value in asdict(result).items() if name not in {"key", "ceiling"}}
        | {"passes": result.passes, "against": BARS[key].against, "raw": dict(result.ceiling)}
        for key, result in outcome.results.items()
    }
    return {
        "quick": quick,
        "machine": machine(),
        "versions": versions(),
        "results": results,
        "not_measured": outcome.not_measured,
        "broken": {name: trouble.partition(":")[0] for name, trouble in outcome.broken.items()},
    }
