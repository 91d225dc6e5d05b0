"""Processes of the service that are started again when they die, as an operator's supervisor does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from tests.support.processes import plausch_run

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from tests.support.fault_proxy import FaultProxy
    from tests.support.processes import ServiceProcess

_ENDS_WITHIN = 40.0
# The share of victims that are not waited for until they are ready.
_KILLED_AT_THEIR_START = 0.2
# A process that has just begun does not know SIGTERM yet.
_GOOD_ENDS = (0, -signal.SIGTERM)


class Fleet:
    """So many processes side by side behind one door. ``async with`` starts them, and drains them at its end."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        door: FaultProxy,
        count: int = 1,
        deaths: Sequence[str] = (),
        role: str = "all",
    ) -> None:
        """``deaths``: the failpoints at which the first lives of each process end. Workers stand behind no door."""
        self._folder = folder
        self._settings = settings
        self._door = door
        self._deaths = deaths
        self._role = role
        self._ending = asyncio.Event()
        self._slots: list[ServiceProcess | None] = [None] * count
        self._keepers: list[asyncio.Task[None]] = []
        self.killed = 0
        """How many were killed so far, by themselves at a failpoint or by ``kill``."""
        self._moved = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._keepers = [asyncio.create_task(self._keep(slot)) for slot in range(len(self._slots))]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        for process in self.processes:
            process.process.send_signal(signal.SIGTERM if error is None else signal.SIGKILL)
        await asyncio.gather(*self._keepers)

    @property
    def processes(self) -> list[ServiceProcess]:
        """Those that run now."""
        return [process for process in self._slots if process is not None and process.process.returncode is None]

    async def ready(self) -> None:
        """Wait until each process says so once. Nothing was asked yet that could kill one."""
        while None in self._slots:
            await self._move()
        await asyncio.gather(*(process.ready() for process in self.processes))

    def with_pid(self, owner: str) -> ServiceProcess:
        """The process that calls itself so in the database."""
        return next(process for process in self.processes if str(process.process.pid) in owner.split(":"))

    def kill(self, chance: random.Random) -> None:
        """kill −9 to one that runs, if one does."""
        if running := self.processes:
            chance.choice(running).process.kill()

    async def kill_now_and_then(self, chance: random.Random, after: tuple[float, float], seconds: float) -> None:
        """Kill one after another for so long, each so many seconds ``after`` it was ready, or while it starts."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while clock() < end:
            while not self.processes:
                await self._move()
            victim = chance.choice(self.processes)
            if chance.random() > _KILLED_AT_THEIR_START:
                await victim.ready()
            await asyncio.sleep(chance.uniform(*after))
            victim.process.kill()
            await victim.process.wait()

    async def _keep(self, slot: int) -> None:
        life = 0
        while not self._ending.is_set():
            failpoint = self._deaths[life] if life < len(self._deaths) else ""
            await self._live(slot, failpoint)
            life += 1

    async def _live(self, slot: int, failpoint: str) -> None:
        async with plausch_run(self._folder, self._settings, failpoint, self._role, quietly=True) as process:
            self._slots[slot] = process
            self._tell()
            try:
                with self._behind_the_door(process):
                    await self._end_of(process)
            finally:
                self._slots[slot] = None
                self._tell()

    @contextlib.contextmanager
    def _behind_the_door(self, process: ServiceProcess) -> Iterator[None]:
        url = urlsplit(process.address)
        address = url.hostname or "", url.port or 0
        if self._role == "worker":
            yield
            return
        self._door.upstreams.append(address)
        try:
            yield
        finally:
            self._door.upstreams.remove(address)

    async def _end_of(self, process: ServiceProcess) -> None:
        """Wait for it. Raises ``AssertionError`` where it neither was killed nor ended in good order."""
        ended = asyncio.create_task(process.process.wait())
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait([ended, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        async with asyncio.timeout(_ENDS_WITHIN):
            code = await ended
        if code == -signal.SIGKILL:
            self.killed += 1
        elif code not in _GOOD_ENDS or not self._ending.is_set():
            raise AssertionError(f"plausch run ended with {code}: {process.log}")

    def _tell(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _move(self) -> None:
        """Wait until a process came or went; a keeper's error is raised here."""
        moved = asyncio.create_task(self._moved.wait())
        await asyncio.wait([moved, *self._keepers], return_when=asyncio.FIRST_COMPLETED)
        moved.cancel()
        for keeper in self._keepers:
            if keeper.done():
                keeper.result()
