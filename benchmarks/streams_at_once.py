"""How many answers one process streams at once, at 20 tokens a second each, without falling behind.

Step by step more, as in ``streams``: ours on SQLite, in front of a platform that swallows everything. It falls behind
where the slowest answer's last token is read more than a second after it was due, or where the loop comes back to a
sleeper 250 ms too late (99th percentile, once all have begun). Where the model server itself is late, nothing is said
about ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measured import NotMeasured, measured
from benchmarks.streams import Read, read_streams

if TYPE_CHECKING:
    from benchmarks.measured import Progress, Result

STEPS = (250, 500, 750, 1000, 1500)
QUICK_STEPS = (250, 500)
TOKENS = 400
QUICK_TOKENS = 200
MOST_BEHIND_SECONDS = 1.0
MOST_LAG_SECONDS = 0.25
MOST_LATE_SECONDS = 0.5


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``streams_at_once``. Raises ``NotMeasured`` where the model server can't keep up with the first step itself."""
    steps, tokens = (QUICK_STEPS, QUICK_TOKENS) if quick else (STEPS, TOKENS)
    kept = 0
    raw: dict[str, float] = {}
    for number, streams in enumerate(steps):
        progress(number / len(steps), f"{streams} streams")
        read = await read_streams("ours", "tgi", streams, tokens)
        raw |= _told(streams, read)
        if read.server_late > MOST_LATE_SECONDS and not kept:
            raise NotMeasured("this machine's other work, or its few cores, hold up the model server itself")
        if not keeps_up(read):
            break
        kept = streams
    return [measured("streams_at_once", kept, raw, [kept])]


def keeps_up(read: Read) -> bool:
    """Whether it does not fall behind."""
    return read.behind <= MOST_BEHIND_SECONDS and read.lag_p99 <= MOST_LAG_SECONDS


def _told(streams: int, read: Read) -> dict[str, float]:
    figures = {"behind_ms": read.behind, "lag_ms_p99": read.lag_p99, "server_late_ms": read.server_late}
    return {f"{streams}_{name}": seconds * 1000 for name, seconds in figures.items()}
