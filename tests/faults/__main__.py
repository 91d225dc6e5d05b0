"""``make faults``: plays every scenario, several side by side, and prints what became of each message."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.faults import report
from tests.faults.all import SCENARIOS
from tests.faults.scenario import play
from tests.support.databases import opened, postgres_database, postgres_server, postgres_template

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from rich.progress import Progress, TaskID

    from tests.faults.scenario import Result, Scenario
    from tests.faults.stage import Stage

RESULTS = Path("build/faults.json")
# Most scenarios wait for a lease, a pause of Slack's or a process that starts: side by side they keep two cores busy.
_PROCESSES_AT_ONCE = 5
_LOOK_EVERY = 0.5


@dataclass(slots=True)
class Run:
    """One run of the suite. ``folder`` keeps what processes say; ``socket`` is PostgreSQL's."""

    small: bool
    seed: int
    folder: Path
    socket: str
    progress: Progress
    results: list[Result] = field(default_factory=list)
    migrating: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def everything(self, scenarios: Sequence[Scenario]) -> None:
        """Play them, a few at a time, the longest first."""
        free = asyncio.Semaphore(_PROCESSES_AT_ONCE)
        async with asyncio.TaskGroup() as playing:
            for number, scenario in enumerate(scenarios):
                for _ in range(scenario.processes):
                    await free.acquire()
                playing.create_task(self._in_its_place(number, scenario, free))

    async def _in_its_place(self, number: int, scenario: Scenario, free: asyncio.Semaphore) -> None:
        try:
            await self._one(number, scenario)
        finally:
            for _ in range(scenario.processes):
                free.release()

    async def _one(self, number: int, scenario: Scenario) -> None:
        size = scenario.small if self.small else scenario.full
        bar = self.progress.add_task(scenario.name, total=size.messages)
        folder = self.folder / f"{number}"
        folder.mkdir()
        watchers: list[asyncio.Task[None]] = []
        async with self._database(scenario.database, folder) as url:
            result = await play(
                scenario,
                size,
                folder,
                url,
                self.seed,
                lambda stage: watchers.append(asyncio.create_task(self._watch(bar, stage))),
            )
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        self._tell(bar, result)

    def _tell(self, bar: TaskID, result: Result) -> None:
        self.results.append(result)
        self.progress.remove_task(bar)
        sign = "[green]✓[/green]" if result.clean else "[red]✗[/red]"
        self.progress.console.print(f"{sign} {result.name}: {result.verdict.sent} sent, {result.seconds:.0f} s")
        for trouble in report.troubles(result):
            self.progress.console.print(f"    {trouble}", markup=False, highlight=False)

    async def _watch(self, bar: TaskID, stage: Stage) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            self.progress.update(bar, completed=await stage.over())

    @contextlib.asynccontextmanager
    async def _database(self, kind: str, folder: Path) -> AsyncIterator[str]:
        if kind == "sqlite":
            url = f"sqlite:///{folder / 'plausch.sqlite3'}"
            async with self.migrating, opened(url):  # Alembic works for one at a time
                pass
            yield url
            return
        async with self.migrating:
            template = await postgres_template(self.socket)
        async with postgres_database(self.socket, template) as url:
            yield url


def chosen(names: Sequence[str]) -> list[Scenario]:
    """Those whose names hold one of the words given; all without any. Ends the program where none does."""
    found = [one for one in SCENARIOS if not names or any(name.lower() in one.name.lower() for name in names)]
    if not found:
        sys.exit("There is no such scenario. These there are:\n" + "\n".join(one.name for one in SCENARIOS))
    return found


def main() -> int:
    """Play what the command line names; 1 where anything is lost, double, out of order or wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios whose names hold this word (default: all)")
    parser.add_argument("--small", action="store_true", help="small sizes, for a quick look")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32), help="of all random times")
    arguments = parser.parse_args()
    scenarios = sorted(chosen(arguments.names), key=lambda one: -one.full.seconds)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended either way, it takes its processes along
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(f"{len(scenarios)} scenarios, seed {arguments.seed}")
    began = time.monotonic()
    # The folder's path is short: the address of a socket in it has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="plausch-faults-"))
    # Clients that were killed make the stand-ins' web servers complain.
    logging.basicConfig(filename=folder / "stand-ins.log")
    with postgres_server(folder / "pg") as socket, report.bars(console) as progress:
        run = Run(arguments.small, arguments.seed, folder, socket, progress)
        asyncio.run(run.everything(scenarios))
    results = sorted(run.results, key=lambda result: [one.name for one in SCENARIOS].index(result.name))
    seconds = time.monotonic() - began
    report.write(RESULTS, results, seconds)
    console.print(report.table(results))
    clean = all(result.clean for result in results)
    ending = "Nothing lost, double, out of order or wrong" if clean else f"[bold red]Not clean[/bold red], see {folder}"
    console.print(f"{ending}; {report.total(results).sent} messages in {seconds:.0f} s. Details: {RESULTS}")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
