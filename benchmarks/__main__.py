"""``python -m benchmarks [KEY …] [--quick]`` measures; ``--plots`` draws what was measured last."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import bench, plots
from benchmarks.registry import BARS, chosen

ROOT = Path(__file__).parent.parent
JSON = ROOT / "build" / "bench.json"
IMAGES = ROOT / "docs" / "images"


def main(
    keys: Annotated[
        list[str] | None, typer.Argument(help="What to measure; everything where nothing is named.")
    ] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Shorter, and less sure.")] = False,
    draw: Annotated[
        bool, typer.Option("--plots", help="Draw build/bench.json into docs/images, measure nothing.")
    ] = False,
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = JSON,
) -> None:
    """Measure plausch beside its bars. A value that misses its bar is told, and is no failure."""
    console = Console()
    if draw:
        for path in plots.draw(json.loads(output.read_text("utf-8")), IMAGES):
            console.print(path.relative_to(ROOT), highlight=False)
        return
    try:
        benchmarks = chosen(keys or [])
    except KeyError as unknown:
        console.print(
            f"There is no benchmark {unknown}. There are: {', '.join(BARS)}.", highlight=False, soft_wrap=True
        )
        raise typer.Exit(2) from None
    outcome = bench.measure(benchmarks, console, quick=quick)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(bench.as_json(outcome, quick=quick), indent=2, ensure_ascii=False) + "\n", "utf-8")
    console.print(bench.table(outcome))
    for module, trouble in outcome.broken.items():
        console.print(f"{module} broke: {trouble}", style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(1 if outcome.broken else 0)


if __name__ == "__main__":
    typer.run(main)
