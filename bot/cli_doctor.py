"""``plausch doctor`` on the command line."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.findings import Finding

_STYLES = {"✓": "green", "!": "yellow", "✗": "bold red"}
_PLAIN = {"✓": "+", "!": "!", "✗": "x"}
"""Where the output's encoding has no such signs."""


def doctor() -> None:
    """Check settings, database, Redis, tokens, model server and port; each line says what is wrong and the cure."""
    from bot.doctor import examine  # noqa: PLC0415 - late: other commands need none of it
    from bot.findings import Mark  # noqa: PLC0415 - late, as above

    # What is wrong is said in the findings.
    logging.disable(logging.CRITICAL)
    findings = asyncio.run(examine())
    console = Console()
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # a text file here
    if console.is_terminal:
        console.print(_table(findings))
    else:
        typer.echo("\n".join(lines(findings, with_signs=_can_print("".join(_PLAIN)))))
    raise typer.Exit(int(any(finding.mark is Mark.WRONG for finding in findings)))


def _table(findings: Sequence[Finding]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        says = Text(f"{finding.says} ").append(finding.cure, style="bold")
        table.add_row(Text(finding.mark, style=_STYLES[finding.mark]), Text(finding.what), says)
    return table


def lines(findings: Sequence[Finding], *, with_signs: bool = True) -> list[str]:
    """One line each, however long: somebody searches or keeps them."""
    width = max(len(finding.what) for finding in findings)
    return [f"{_mark(one, with_signs)} {one.what:<{width}} {one.says} {one.cure}".rstrip() for one in findings]


def _mark(finding: Finding, with_signs: bool) -> str:  # noqa: FBT001 - told from what the encoding can print
    return finding.mark.value if with_signs else _PLAIN[finding.mark]


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True
