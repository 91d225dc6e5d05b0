"""``plausch`` commands as processes of their own: on a terminal (a pseudo one), or with pipes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

BOUND_SECONDS = 40.0
_COLUMNS, _LINES = 100, 30
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|\r")


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """What a command sees: German, a home of its own, and of our own settings these alone, by their names."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PLAUSCH_", "LC_"))}
    kept |= {f"PLAUSCH_{name.upper()}": value for name, value in settings.items()}
    kept |= {"HOME": str(folder), "LANG": "de_DE.UTF-8", "PYTHONUTF8": "1", "TERM": "xterm-256color"}
    return kept | {"PYTHONPATH": os.pathsep.join(sys.path)}


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


async def plausch(folder: Path, settings: Mapping[str, str], *command: str, said: str = "") -> Done:
    """Run a command to its end, with pipes; ``said`` is its standard input."""
    async with piped(folder, settings, *command) as process, asyncio.timeout(BOUND_SECONDS):
        out, err = await process.communicate(said.encode())
    return Done(process.returncode or 0, out.decode(), err.decode())


@contextlib.asynccontextmanager
async def piped(folder: Path, settings: Mapping[str, str], *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command with pipes, killed afterwards if it still runs."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *command),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        cwd=folder,
        env=environment(folder, settings),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class Terminal:
    """A person at a terminal in which a command runs."""

    def __init__(self, process: asyncio.subprocess.Process, descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._seen = b""
        self._more = asyncio.Event()

    @property
    def raw(self) -> str:
        """All that came, to the letter."""
        return self._seen.decode(errors="replace")

    @property
    def text(self) -> str:
        """All that came, without what moves the cursor and colours; an answer that grows is there many times."""
        return _CONTROL.sub("", self.raw)

    def type(self, keys: str) -> None:
        """Press keys; ``\\r`` is return, ``\\x03`` Ctrl-C, ``\\x04`` Ctrl-D."""
        os.write(self._descriptor, keys.encode())

    async def until(self, text: str, times: int = 1) -> str:
        """Wait until this was to be read so often."""
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                while self.text.count(text) < times:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"{text!r} did not come; there was {self.text!r}") from None
        return self.text

    async def left(self) -> int:
        """Press Ctrl-C until the command ends, as a person does: one press may still have met the answer."""
        async with asyncio.timeout(BOUND_SECONDS):
            while self.process.returncode is None:
                self.type("\x03")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.process.wait(), 1)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for the command's end; its exit code."""
        async with asyncio.timeout(BOUND_SECONDS):
            return await self.process.wait()

    def read(self) -> None:
        """Take what has come."""
        try:
            self._seen += os.read(self._descriptor, 65536)
        except OSError:  # the other side is closed
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._more.set()


@contextlib.asynccontextmanager
async def terminal(
    folder: Path, settings: Mapping[str, str], *command: str, lang: str = "de_DE.UTF-8"
) -> AsyncIterator[Terminal]:
    """A command in a terminal of its own, killed afterwards if it still runs."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *command),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=environment(folder, settings) | {"LANG": lang},
        start_new_session=True,
        # Its own controlling terminal, so that Ctrl-C arrives as a signal.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    there = Terminal(process, ours)
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, there.read)
    try:
        yield there
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        loop.remove_reader(ours)
        os.close(ours)
