"""``plausch run`` as a process of its own, that can really be killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING

import aiohttp

from tests.support.service import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

BOUND_SECONDS = 40.0


class ServiceProcess:
    """A running ``plausch run``."""

    def __init__(self, process: asyncio.subprocess.Process, address: str, log: Path) -> None:
        self.process = process
        self.address = address
        self.log = log

    async def ready(self) -> None:
        """Wait for ``/readyz``, or fail where the process ends before."""
        async with asyncio.timeout(BOUND_SECONDS), aiohttp.ClientSession() as http:
            while self.process.returncode is None:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"{self.address}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.02)
        raise AssertionError(f"plausch run ended with {self.process.returncode}")

    async def ended(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        async with asyncio.timeout(BOUND_SECONDS):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def plausch_run(
    folder: Path, settings: Mapping[str, str], failpoint: str = "", role: str = "all", *, quietly: bool = False
) -> AsyncIterator[ServiceProcess]:
    """The process, killed afterwards if it still runs; of our own settings it has these alone, by their names.

    A name in upper case is a variable of the environment as it stands there (``LD_PRELOAD``). ``quietly``: its log is
    kept in its file alone.
    """
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLAUSCH_")}
    environment |= {f"PLAUSCH_{name.upper()}": value for name, value in settings.items() if not name.isupper()}
    environment |= {"PLAUSCH_HTTP_PORT": str(port), "PLAUSCH_FAILPOINT": failpoint, "HOME": str(folder)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    environment |= {name: value for name, value in settings.items() if name.isupper()}
    command = (sys.executable, "-m", "bot", "run", "--role", role)
    log = folder / f"{port}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environment, stdout=output, stderr=output
        )
        try:
            yield ServiceProcess(process, f"http://127.0.0.1:{port}", log)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            if not quietly:
                print(log.read_text())  # noqa: T201 - pytest shows it beside a failed test
