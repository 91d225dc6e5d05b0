"""Every benchmark, by the keys that it measures, and the bar of each key."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from benchmarks.measured import Progress, Result

    Measure: TypeAlias = "Callable[[bool, Progress], Awaitable[Sequence[Result]] | Sequence[Result]]"


@dataclass(frozen=True, slots=True)
class Bar:
    """What a key's value has to reach, and what that means."""

    bar: float
    at_least: bool
    unit: str
    against: str
    """What stands beside the value: a ceiling of the same run, or where the bar comes from."""
    aim: float | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Keys that are measured together, by ``measure`` of a module that is imported only then."""

    keys: tuple[str, ...]
    module: str
    measure: str = "measure"

    def load(self) -> Measure:
        """The function that measures."""
        return cast("Measure", getattr(importlib.import_module(f"benchmarks.{self.module}"), self.measure))


_AT_LEAST, _AT_MOST = True, False

BARS: Mapping[str, Bar] = {
    "inbox_sqlite_ratio": Bar(1.0, _AT_LEAST, "ratio", "four bare commits, one aiosqlite connection"),
    "inbox_postgres_ratio": Bar(0.7, _AT_LEAST, "ratio", "four bare commits, asyncpg's pool of 10"),
    "webhook_ratio": Bar(0.6, _AT_LEAST, "ratio", "bare ASGI with HMAC and one commit"),
    "overhead_ms_p50": Bar(5, _AT_MOST, "ms", "an idle service"),
    "overhead_ms_p99": Bar(25, _AT_MOST, "ms", "an idle service"),
    "tgi_stream_ratio": Bar(0.5, _AT_LEAST, "ratio", "a bare aiohttp reader"),
    "openai_stream_ratio": Bar(0.5, _AT_LEAST, "ratio", "a bare aiohttp reader"),
    "streams_at_once": Bar(500, _AT_LEAST, "streams", "20 tokens/s each", aim=1000),
    "answers_per_cpu_s": Bar(120, _AT_LEAST, "answers/s", "best peer: 71", aim=145),
    "slack_answers_per_cpu_s": Bar(150, _AT_LEAST, "answers/s", "bolt, storing nothing: 208", aim=208),
    "first_text_ms_p50": Bar(25, _AT_MOST, "ms", "best peer: 68"),
    "rss_mb_idle": Bar(130, _AT_MOST, "MB", "best peers: 73 (Node), 123 (Python)"),
    "rss_kb_per_stream": Bar(100, _AT_MOST, "KB", "500 answers under way"),
    "start_s": Bar(1.5, _AT_MOST, "s", "best peers: 0.3 (Node), 1.3 (Python)", aim=1.0),
    "window_ratio": Bar(1.5, _AT_MOST, "ratio", "a conversation of 10 messages"),
    "prefix_reuse": Bar(0.6, _AT_LEAST, "ratio", "one turn dropped at a time: 0.43"),
}

BENCHMARKS: Sequence[Benchmark] = (
    Benchmark(("inbox_sqlite_ratio",), "inbox", "measure_sqlite"),
    Benchmark(("inbox_postgres_ratio",), "inbox", "measure_postgres"),
    Benchmark(("webhook_ratio",), "webhook"),
    Benchmark(("overhead_ms_p50", "overhead_ms_p99"), "overhead"),
    Benchmark(("tgi_stream_ratio", "openai_stream_ratio"), "streams"),
    Benchmark(("streams_at_once",), "streams_at_once"),
    Benchmark(("answers_per_cpu_s",), "answers"),
    Benchmark(("slack_answers_per_cpu_s",), "slack_answers"),
    Benchmark(("first_text_ms_p50",), "first_text"),
    Benchmark(("rss_mb_idle", "rss_kb_per_stream"), "memory"),
    Benchmark(("start_s",), "start"),
    Benchmark(("window_ratio",), "window"),
    Benchmark(("prefix_reuse",), "prefix"),
)


def chosen(keys: Collection[str]) -> list[Benchmark]:
    """The benchmarks that measure these keys; all where none is named. Raises ``KeyError`` for an unknown one."""
    for key in keys:
        BARS[key]
    return [benchmark for benchmark in BENCHMARKS if not keys or set(keys) & set(benchmark.keys)]
