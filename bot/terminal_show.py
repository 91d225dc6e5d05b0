"""How an answer looks on a terminal while it grows, and when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner

from bot.terminal_text import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


class Answer:
    """An answer as rendered Markdown. Addresses of links are written out, so that everybody sees where they lead."""

    def __init__(self, markdown: str) -> None:
        self._markdown = Markdown(printable(markdown), hyperlinks=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Made safe once more when all is decoded: Markdown has ways to write any character (``&#x9b;``)."""
        for segment in console.render(self._markdown, options):
            yield Segment(printable(segment.text), segment.style)


class Growing:
    """An answer under way: its last lines, as many as the window has, and a sign of life before the first word."""

    def __init__(self, thinking: str) -> None:
        self._sign = Spinner("dots", thinking)
        self.text = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Drawn anew each time: a later line can change what an earlier one means."""
        if not self.text:
            yield self._sign
            return
        lines = console.render_lines(Answer(self.text), options, pad=False)
        for line in lines[-max(1, options.size.height - 1) :]:
            yield from line
            yield Segment.line()


class Plain:
    """An answer as plain text on a stream: each character is written once, as soon as it is there."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._written = ""

    def show(self, markdown: str) -> None:
        """Write what has come; an answer that was begun anew starts on a line of its own. Raises ``OSError``."""
        text = printable(markdown)
        if not text.startswith(self._written):
            self._out.write("\n\n")
            self._written = ""
        self._out.write(text[len(self._written) :])
        self._out.flush()
        self._written = text

    def end(self, markdown: str) -> None:
        """Write what is missing, and end the line."""
        self.show(markdown)
        self._out.write("\n")
        self._out.flush()
