"""The benchmarks: each key has its bar and something that measures it, and what is measured is told as it is."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from benchmarks import bench, plots
from benchmarks.measured import NotMeasured, Result, measured, percentile, ratio
from benchmarks.registry import BARS, BENCHMARKS, Benchmark, chosen
from tests.support.files import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.registry import Measure

AT_LEAST, AT_MOST = True, False
EXPECTED = {
    "inbox_sqlite_ratio": (AT_LEAST, 1.0, None),
    "inbox_postgres_ratio": (AT_LEAST, 0.7, None),
    "webhook_ratio": (AT_LEAST, 0.6, None),
    "overhead_ms_p50": (AT_MOST, 5, None),
    "overhead_ms_p99": (AT_MOST, 25, None),
    "tgi_stream_ratio": (AT_LEAST, 0.5, None),
    "openai_stream_ratio": (AT_LEAST, 0.5, None),
    "streams_at_once": (AT_LEAST, 500, 1000),
    "answers_per_cpu_s": (AT_LEAST, 120, 145),
    "slack_answers_per_cpu_s": (AT_LEAST, 150, 208),
    "first_text_ms_p50": (AT_MOST, 25, None),
    "rss_mb_idle": (AT_MOST, 130, None),
    "rss_kb_per_stream": (AT_MOST, 100, None),
    "start_s": (AT_MOST, 1.5, 1.0),
    "window_ratio": (AT_MOST, 1.5, None),
    "prefix_reuse": (AT_LEAST, 0.6, None),
}
CHEAP = ("window_ratio", "prefix_reuse")


@dataclass(frozen=True, slots=True)
class Scripted(Benchmark):
    """A benchmark that does what the test says."""

    does: Measure = lambda *_: []

    def load(self) -> Measure:
        return self.does


def test_each_key_has_its_bar() -> None:
    assert {key: (bar.at_least, bar.bar, bar.aim) for key, bar in BARS.items()} == EXPECTED


def test_each_key_is_measured_by_one_benchmark() -> None:
    assert sorted(key for benchmark in BENCHMARKS for key in benchmark.keys) == sorted(EXPECTED)


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda one: one.module)
def test_each_benchmark_is_there(benchmark: Benchmark) -> None:
    assert callable(benchmark.load())


def test_a_key_chooses_its_benchmark_and_none_chooses_all() -> None:
    assert [one.module for one in chosen(["overhead_ms_p99", "start_s"])] == ["overhead", "start"]
    assert chosen([]) == list(BENCHMARKS)
    with pytest.raises(KeyError):
        chosen(["no_such_key"])


def test_a_bar_is_reached_from_its_own_side() -> None:
    assert measured("webhook_ratio", 0.6, {}).passes
    assert not measured("webhook_ratio", 0.59, {}).passes
    assert measured("start_s", 1.5, {}).passes
    assert not measured("start_s", 1.51, {}).passes


def test_a_ratio_is_the_median_of_neighbours() -> None:
    result = ratio("webhook_ratio", [10, 30, 20], [20, 30, 10], ours=20)
    assert (result.value, result.runs, result.ceiling) == (1.0, [0.5, 1.0, 2.0], {"ours": 20})


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    values = [float(number) for number in range(200, 0, -1)]
    assert (percentile(values, 99), percentile(values, 50), percentile([7.0], 1)) == (198, 100, 7)


def told(outcome: bench.Outcome) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(bench.table(outcome))
    return captured.get()


def run(*benchmarks: Benchmark) -> bench.Outcome:
    return bench.measure(benchmarks, Console(quiet=True), quick=True)


def test_one_that_breaks_keeps_no_other_from_being_measured(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks(*_: object) -> list[Result]:
        raise ValueError("no ceiling")

    async def measures(*given: Any) -> list[Result]:
        assert given[0] is True
        given[1](0.5, "half")
        return [measured("start_s", 1.2, {"cpu_s": 0.9})]

    outcome = run(Scripted(("webhook_ratio",), "scripted", does=breaks), Scripted(("start_s",), "works", does=measures))
    assert outcome.broken == {"scripted": "ValueError: no ceiling"}
    assert outcome.results["start_s"].value == 1.2
    assert "no ceiling" in capsys.readouterr().err
    assert bench.as_json(outcome, quick=True)["broken"] == {"scripted": "ValueError"}


def test_who_ends_the_run_ends_all_though_a_benchmark_complains_that_its_processes_have_ended() -> None:
    async def complains(*_: object) -> list[Result]:
        signal.raise_signal(signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("the reader has ended") from None
        return []

    def comes_next(*_: object) -> list[Result]:
        raise AssertionError("the next benchmark began")

    with pytest.raises(KeyboardInterrupt):
        run(
            Scripted(("webhook_ratio",), "scripted", does=complains),
            Scripted(("start_s",), "next", does=comes_next),
        )


def test_what_a_machine_can_not_count_is_not_measured_and_breaks_nothing() -> None:
    async def elsewhere(*_: object) -> list[Result]:
        raise NotMeasured("only Linux counts this")

    outcome = run(Scripted(("rss_mb_idle",), "memory", does=elsewhere))
    assert outcome.not_measured == {"rss_mb_idle": "only Linux counts this"}
    assert not outcome.broken
    assert "only Linux counts this" in told(outcome)


def test_the_table_shows_value_bar_and_what_stands_beside_it() -> None:
    results = [measured("start_s", 1.234, {"cpu_s": 0.9}), measured("webhook_ratio", 0.5, {"events_per_s": 1234.5})]
    lines = told(bench.Outcome({result.key: result for result in results})).splitlines()
    (start,) = [line for line in lines if line.startswith("start_s")]
    (webhook,) = [line for line in lines if line.startswith("webhook_ratio")]
    assert all(part in start for part in ("1.23 s", "≤ 1.5 (aim 1)", "✓", "cpu_s 0.9"))
    assert all(part in webhook for part in ("0.5", "≥ 0.6", "✗", "events_per_s 1,234"))


def test_the_pictures_have_a_bar_for_each_result_and_one_line_for_all_bars(tmp_path: Path) -> None:
    results = [measured(key, bar.bar * 3, {}) for key, bar in BARS.items()]
    outcome = bench.Outcome({result.key: result for result in results})
    pages = [ET.parse(path).getroot() for path in plots.draw(bench.as_json(outcome, quick=False), tmp_path)]  # noqa: S314 - ours
    svg = "{http://www.w3.org/2000/svg}"
    shown = [text.text for page in pages for text in page.iter(f"{svg}text")]
    assert set(BARS) <= set(shown)
    assert sum(len(page.findall(f"{svg}rect")) for page in pages) == len(BARS)
    assert [len(page.findall(f"{svg}line")) for page in pages] == [1, 1]
    assert all(float(rect.attrib["width"]) < plots.WIDTH for page in pages for rect in page.iter(f"{svg}rect"))


def bench_json(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    output = folder / "build" / "bench.json"
    command = [sys.executable, "-m", "benchmarks", *arguments, "--quick", "--output", str(output)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    return finished.returncode, json.loads(output.read_text("utf-8")) if output.exists() else {}


def test_the_command_measures_what_it_is_told_and_writes_what_it_found(tmp_path: Path) -> None:
    status, written = bench_json(tmp_path, *CHEAP)
    assert status == 0
    assert sorted(written["results"]) == sorted(CHEAP)
    assert sorted(written) == ["broken", "machine", "not_measured", "quick", "results", "versions"]
    for key, result in written["results"].items():
        assert result["value"] > 0, key
        assert (result["bar"], result["at_least"]) == (BARS[key].bar, BARS[key].at_least)
        assert result["raw"]
    assert {"Python", "SQLite", "PostgreSQL"} <= set(written["versions"])
    assert sorted(written["machine"]) == ["cores", "processor", "system"]


def test_a_key_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert bench_json(tmp_path, "no_such_key") == (2, {})
