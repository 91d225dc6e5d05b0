"""Starting and ending the embedded model server's child process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from conversation.errors import ModelServerUnreachable

_CHILD = Path(__file__).with_name("embedded_child.py")
_WAITING = {"GOMP_SPINCOUNT": "1000"}
"""How long the model's threads spin where they wait for each other, before they sleep.

By default they spin so long that a machine that is busy with something else stands still: two cores with two busy
neighbours wrote 2.7 tokens a second, and 10.2 with this; without neighbours it makes no difference (25 to 27).
"""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the child shall serve: ``slots`` answers at the same time, each with a ``window`` of so many tokens."""

    path: str
    name: str
    key: str
    slots: int
    window: int
    threads: int


class ModelProcess:
    """A child process that has loaded its model. ``address`` is where it serves."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self._process = process
        self.address = address
        self.pid = process.pid

    @classmethod
    async def start(cls, orders: Orders, load_seconds: float) -> Self:
        """Start the child and wait until the model is loaded. Raises ``ModelServerUnreachable``."""
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                str(_CHILD),
                stdin=pipe,
                stdout=pipe,
                stderr=nowhere,
                env={**_WAITING, **os.environ},
            )
        except OSError as problem:
            raise ModelServerUnreachable(f"the model's process does not start: {problem}") from problem
        try:
            async with asyncio.timeout(load_seconds):
                return cls(process, await _address(process, orders))
        except BaseException as problem:
            await _end(process, grace_seconds=0)
            if isinstance(problem, TimeoutError):
                raise ModelServerUnreachable(f"{orders.path} was not loaded in {load_seconds:g} s") from problem
            raise

    async def ended(self) -> int:
        """Return the exit code once the process is over."""
        return await self._process.wait()

    async def stop(self, grace_seconds: float = 3) -> None:
        """End the process: by closing its pipe, and by force if it does not go."""
        await _end(self._process, grace_seconds)


async def _address(process: asyncio.subprocess.Process, orders: Orders) -> str:
    assert process.stdin is not None  # noqa: S101  # both pipes were asked for
    assert process.stdout is not None  # noqa: S101  # the same
    with contextlib.suppress(ConnectionError):
        process.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        await process.stdin.drain()
    line = await process.stdout.readline()
    if not line:
        code = await process.wait()
        raise ModelServerUnreachable(f"{orders.path} can't be loaded (exit code {code}): damaged, or memory is short")
    return str(json.loads(line)["address"])


async def _end(process: asyncio.subprocess.Process, grace_seconds: float) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
