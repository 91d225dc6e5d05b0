"""How the fetching of a model file is shown: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from adapters.model_servers.weights_pinned import megabytes

if TYPE_CHECKING:
    from rich.progress import TaskID

LINE_SECONDS = 10.0
"""Between two lines where there is no terminal (a log, CI)."""


class Silent:
    """Tells nobody."""

    def say(self, line: str) -> None:
        """Nothing."""

    def at(self, done: int, total: int) -> None:
        """Nothing."""


class OnConsole:
    """Shows it on a console while the context is open."""

    def __init__(self, console: Console | None = None, line_seconds: float = LINE_SECONDS) -> None:
        self._console = console or Console(stderr=True)
        self._line_seconds = line_seconds
        self._last_line = float("-inf")
        self._last_done = -1
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """Print the line, above the bar where there is one."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def at(self, done: int, total: int) -> None:
        """Move the bar, or print a line if the last one is long enough ago or all is here."""
        if self._console.is_terminal:
            self._move(done, total)
            return
        now = time.monotonic()
        if done == self._last_done or (done < total and now - self._last_line < self._line_seconds):
            return
        self._last_line, self._last_done = now, done
        self.say(f"Model file: {megabytes(done)} of {megabytes(total)}")

    def _move(self, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._bar.add_task("Model file", total=total)
        self._bar.update(self._task, completed=done, total=total)
