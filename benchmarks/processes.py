"""``plausch run`` as the measured process, and what Linux counts of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measured import NotMeasured
from tests.support.processes import ServiceProcess
from tests.support.service import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

_PROCESSES = Path("/proc")


class Service(ServiceProcess):
    """A running ``plausch run`` with an ``address``; its log is a file, so that a terminal costs it nothing."""

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    async def ready(self) -> None:
        """Wait for ``/readyz``; where the process ends before, its last words are the error's."""
        try:
            await super().ready()
        except (AssertionError, TimeoutError) as trouble:
            raise RuntimeError(f"{trouble}: {self.log.read_text()[-500:]}") from trouble

    def cpu_seconds(self) -> float:
        """What it has used of the processor so far, user and system, all threads, to a hundredth."""
        return cpu_seconds(self.pid)

    def rss_bytes(self) -> int:
        """The memory that it holds now."""
        return rss_bytes(self.pid)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads, without its children. Source: proc(5), ``stat``."""
    # The name in brackets may itself contain spaces and brackets: count from behind it.
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int) -> int:
    """The resident memory of a process. Source: proc(5), ``statm``, in pages."""
    return int(_read(pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _read(pid: int, name: str) -> str:
    try:
        return (_PROCESSES / str(pid) / name).read_text()
    except FileNotFoundError:
        why = "the process has ended" if _PROCESSES.joinpath("self").exists() else "only Linux counts this"
        raise NotMeasured(why) from None


@contextlib.asynccontextmanager
async def service(
    settings: Mapping[str, str],
    *,
    arguments: Sequence[str] = (),
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    module: str = "bot",
) -> AsyncIterator[Service]:
    """Start ``plausch run`` (of ``module``); it is killed afterwards, by its id.

    ``settings`` are the only ones that it gets, by their names as in ``.env.example`` without the prefix, in lower case
    (``telegram_token``). Without ``database_url`` it works on a new SQLite file in ``folder``, which is a folder of its
    own, removed afterwards, where none is given. ``arguments`` follow ``plausch run``; ``environment``: more variables.

    Yields at once: wait with ``await service.ready()``.
    """
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plausch-bench-")))
        port = free_port()
        log = folder / f"{port}.log"
        output = stack.enter_context(log.open("wb"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, "run", *arguments),
            cwd=folder,
            env=_environment(settings, folder, port) | dict(environment or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            yield Service(process, f"http://127.0.0.1:{port}", log)
        finally:
            await ended(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    """Kill the process if it still runs, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.kill()
    await process.wait()


def _environment(settings: Mapping[str, str], folder: Path, port: int) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLAUSCH_")}
    own = {"http_port": str(port), "database_url": f"sqlite:///{folder / 'plausch.sqlite3'}"} | dict(settings)
    environment |= {f"PLAUSCH_{name.upper()}": value for name, value in own.items()}
    return environment | {"HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
