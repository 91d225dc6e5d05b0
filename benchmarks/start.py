"""Cold start to the first poll: from the start of the process to its first ``getUpdates`` at a stand-in Telegram.

The whole ``plausch run``, Telegram and web page on, TGI as the model server, on a SQLite file that exists and is up to
date; beside it the same on an empty one, and what imports take of it (Python's own ``-X importtime``, which slows them
by a fifth or so). Byte code is compiled and files are in the system's cache, as at any start but the first.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.standins.telegram.server import StandInTelegram
from adapters.standins.tgi import StandInTGI
from benchmarks.measured import NotMeasured, measured
from benchmarks.processes import Service, service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.measured import Progress, Result

BOUND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Start:
    """One start: how long it took, what of it the processor worked (0 where it is not counted), and what it said."""

    seconds: float
    cpu_seconds: float
    log: Sequence[str]


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``start_s``."""
    runs = 3 if quick else 9
    with tempfile.TemporaryDirectory(prefix="plausch-bench-") as folder:
        starts = []
        for number in range(runs + 1):
            progress(number / (runs + 2))
            starts.append(await _start(Path(folder)))
        importing = await _imports()
    empty, *rest = starts
    seconds = [one.seconds for one in rest]
    raw = {
        "cpu_s": statistics.median(one.cpu_seconds for one in rest),
        "empty_database_s": empty.seconds,
        "imports_s": importing,
    }
    return [measured("start_s", statistics.median(seconds), raw, seconds)]


async def _start(folder: Path, environment: Mapping[str, str] | None = None) -> Start:
    """From the start to the first poll."""
    async with StandInTGI() as tgi, StandInTelegram() as telegram:
        settings = {
            "telegram_token": telegram.token,
            "telegram_api_url": telegram.api_url,
            "model_server": "tgi",
            "model_url": tgi.url,
        }
        began = time.perf_counter()
        async with service(settings, folder=folder, environment=environment) as ours:
            await telegram.wait_for(lambda: telegram.calls["getUpdates"], within=BOUND_SECONDS)
            seconds = time.perf_counter() - began
            return Start(seconds, _cpu_seconds(ours), ours.log.read_text().splitlines())


def _cpu_seconds(ours: Service) -> float:
    with contextlib.suppress(NotMeasured):
        return ours.cpu_seconds()
    return 0.0


async def _imports() -> float:
    """Seconds that go into imports alone."""
    with tempfile.TemporaryDirectory(prefix="plausch-bench-") as folder:
        start = await _start(Path(folder), {"PYTHONPROFILEIMPORTTIME": "1"})
    lines = [line for line in start.log if line.startswith("import time:")]
    # "import time: self [us] | cumulative | imported package": the first line is this heading.
    return sum(int(line.split(":")[1].split("|")[0]) for line in lines[1:]) / 1e6
