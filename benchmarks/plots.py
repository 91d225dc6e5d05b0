"""Small pictures of the figures: plain SVG that reads on a light page and on a dark one."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from benchmarks.measured import short

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WIDTH = 760
ROW = 30
TOP = 56
NAMES = 208
VALUES = 200
# How far the longest bar may go, in bars of its key: what is far better is cut there, its value stands beside it.
FURTHEST = 2.0

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.quiet { fill: #59636e; font-size: 12px; }
.good { fill: #2f7d4f; } .bad { fill: #b3452f; }
.line { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .quiet { fill: #9198a1; } .good { fill: #5bb482; } .bad { fill: #e5806b; }
  .line { stroke: #e6edf3; }
}
"""


def draw(run: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw a run (``bench.as_json``) into files of this folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    results: Mapping[str, Mapping[str, Any]] = run["results"]
    more = {key: one for key, one in results.items() if one["at_least"]}
    less = {key: one for key, one in results.items() if not one["at_least"]}
    pages = {
        "bench-more.svg": _chart("More is better: value ÷ bar", more, run),
        "bench-less.svg": _chart("Less is better: value ÷ bar", less, run),
    }
    for name, page in pages.items():
        (folder / name).write_text(page, "utf-8")
    return [folder / name for name in pages]


def _chart(title: str, results: Mapping[str, Mapping[str, Any]], run: Mapping[str, Any]) -> str:
    """A bar for each key, all on one scale: the dashed line is where each key has its bar."""
    height = TOP + ROW * len(results) + 12
    scale = (WIDTH - NAMES - VALUES) / FURTHEST
    line = NAMES + scale
    rows = [_row(number, key, one, scale) for number, (key, one) in enumerate(results.items())]
    machine, versions = run["machine"], run["versions"]
    under = f"{machine['cores']} cores, {machine['system']} {machine['processor']}, Python {versions['Python']}"
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    words = escape(f"{title}: {_in_words(results)}")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{words}">',
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="0" y="18">{escape(title)}</text>',
            f'<text class="quiet" x="0" y="38">{escape(under)}</text>',
            *rows,
            f'<line class="line" x1="{line:.1f}" x2="{line:.1f}" y1="{TOP - 12}" y2="{height - 8}"/>',
            f'<text class="quiet" x="{line:.1f}" y="{TOP - 18}" text-anchor="middle">bar</text>',
            "</svg>",
            "",
        ]
    )


def _row(number: int, key: str, result: Mapping[str, Any], scale: float) -> str:
    """Names, bars and values stand in columns; a sign says what the colour says."""
    y = TOP + ROW * number
    length = max(1.0, min(result["value"] / result["bar"], FURTHEST) * scale)
    colour, sign = ("good", "✓") if result["passes"] else ("bad", "✗")
    return (
        f'<text x="0" y="{y + 14}">{escape(key)}</text>'
        f'<rect class="{colour}" x="{NAMES}" y="{y}" width="{length:.1f}" height="18" rx="3"/>'
        f'<text x="{WIDTH - VALUES + 12}" y="{y + 14}">{sign} {escape(_figure(result))}</text>'
    )


def _figure(result: Mapping[str, Any]) -> str:
    unit = "" if result["unit"] == "ratio" else f" {result['unit']}"
    return f"{short(result['value'])}{unit} ({'≥' if result['at_least'] else '≤'} {short(result['bar'])})"


def _in_words(results: Mapping[str, Mapping[str, Any]]) -> str:
    """For those who don't see the picture."""
    return "; ".join(f"{key} {_figure(one)}" for key, one in results.items())
