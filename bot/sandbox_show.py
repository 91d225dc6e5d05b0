"""What ``plausch demo`` writes on the terminal, and as plain lines where there is none."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bot.sandbox import Sandbox
    from bot.sandbox_say import Answer

_ACCENT = "green"
_WIDEST = 92
_NARROW = 100
_FRAME = 5
"""Columns that a panel's border and the gap beside it take."""
_TAIL = 12
"""Lines of a growing answer that are shown; a terminal can't scroll inside a panel."""


def where_to_look(console: Console, sandbox: Sandbox, notice: str) -> Panel:
    """The addresses, what to try, and what this is."""
    addresses = Table.grid(padding=(0, 2))
    addresses.add_row("All three side by side", Text(f"{sandbox.page}/", "bold"))
    addresses.add_row("Stand-in Slack", f"{sandbox.page}/slack")
    addresses.add_row("Stand-in Telegram", f"{sandbox.page}/telegram")
    addresses.add_row("Web chat", f"{sandbox.service.web.address}/")
    addresses.add_row("Dashboard", f"{sandbox.service.web.address}/admin")
    tries = Text(
        "Ask the same in all three. On Slack, ask on in the thread. On Telegram, send /hilfe.\n"
        "Stop an answer while it is being written.\n"
        'Or ask all three from a second terminal: make demo SAY="Wie heißt du?"'
    )
    return Panel(
        Group(addresses, Text(), tries, Text(), Text(notice, "dim"), Text("Ctrl-C ends it.", "dim")),
        title="plausch is ready",
        title_align="left",
        border_style=_ACCENT,
        padding=(1, 2),
        width=min(_WIDEST, console.width),
    )


@contextlib.contextmanager
def waiting(console: Console) -> Iterator[Callable[[str], None]]:
    """A spinner with what is waited for; on no terminal, a line for each new thing."""
    said = ""
    with console.status("Starting …") as status:

        def tell(what: str) -> None:
            nonlocal said
            if what == said:
                return
            said = what
            line = Text(f"Waiting for {what}")
            if console.is_terminal:
                status.update(line)
            else:
                console.print(line, soft_wrap=True)

        yield tell


@contextlib.contextmanager
def growing(console: Console) -> Iterator[Callable[[Sequence[Answer]], None]]:
    """Three panels that grow with the answers; on no terminal, each answer whole, when it is over."""
    if not console.is_terminal:
        yield _Lines(console).tell
        return
    with Live(console=console, transient=True, refresh_per_second=12) as live:
        yield lambda answers: live.update(panels(console, answers, tail=_TAIL))


def panels(console: Console, answers: Sequence[Answer], tail: int | None = None) -> Table | Group:
    """The answers beside each other, or below where the terminal is narrow."""
    narrow = console.width < _NARROW
    width = console.width if narrow else console.width // len(answers)
    made = [_panel(console, answer, width, tail) for answer in answers]
    if narrow:
        return Group(*made)
    grid = Table.grid(expand=True, padding=(0, 1))
    for _ in made:
        grid.add_column(ratio=1)
    grid.add_row(*made)
    return grid


def summary(answers: Sequence[Answer], megabytes: int | None) -> Group:
    """Times, what is stored, the model, and what is missing."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("first text", justify="right")
    table.add_column("whole answer", justify="right")
    table.add_column("stored")
    for answer in answers:
        stored = Text(legible(answer.missing), "red") if answer.missing else Text("yes, as shown", _ACCENT)
        table.add_row(answer.place, _seconds(answer.first_text_after), _seconds(answer.last_change_after), stored)
    models = ", ".join(sorted({answer.model for answer in answers if answer.model}))
    memory = f" Its process took {megabytes} MB of memory at most." if megabytes else ""
    asked = "Asked one after the other, each with the model for itself."
    return Group(table, Text(f"Model: {legible(models) or 'none answered'}.{memory}\n{asked}", "dim"))


def legible(text: str) -> str:
    """The text without characters that would speak to the terminal."""
    return "".join(sign if sign == "\n" or sign.isprintable() else "�" for sign in text.replace("\t", "    "))


class _Lines:
    """Says each answer once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: set[str] = set()

    def tell(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if answer.over and answer.place not in self._said:
                self._said.add(answer.place)
                self._console.print(Text(f"── {answer.place} ──"))
                self._console.print(Text(legible(answer.text) or "(nothing)"), soft_wrap=True)


def _panel(console: Console, answer: Answer, width: int, tail: int | None) -> Panel:
    lines = Text(legible(answer.text) or "…").wrap(console, width - _FRAME)
    shown = lines if tail is None or len(lines) <= tail else [Text("…"), *lines[-tail:]]
    title = Text(f"{answer.place} · {_seconds(answer.first_text_after)}")
    border = "red" if answer.over and answer.missing else _ACCENT
    return Panel(Text("\n").join(shown), title=title, title_align="left", border_style=border)


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} s"
