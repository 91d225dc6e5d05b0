"""What the doctor looks at on this machine."""

from __future__ import annotations

import asyncio
import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from bot.findings import Finding, warning, well, wrong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.settings import Settings

_MEMORY = Path("/proc/meminfo")
_CONTROL_GROUP = Path("/sys/fs/cgroup")


async def web_server(settings: Settings) -> Sequence[Finding]:
    """Whether the port is free, or plausch's own already."""
    host, port = settings.http_host, settings.http_port
    try:
        server = await asyncio.start_server(lambda _, writer: writer.close(), host, port)
    except OSError as trouble:
        return [await _taken(host, port, trouble)]
    server.close()
    await server.wait_closed()
    return [well("web server", f"port {port} of {host} is free" if port else f"{host}, a port that the system picks")]


async def _taken(host: str, port: int, trouble: OSError) -> Finding:
    if trouble.errno == errno.EADDRINUSE:
        if await _is_plausch(host, port):
            return warning("web server", f"plausch runs already on port {port}.", "End it before you start another.")
        return wrong("PLAUSCH_HTTP_PORT", f"another program listens on port {port}.", "Choose another port.")
    if trouble.errno in {errno.EACCES, errno.EPERM}:
        return wrong("PLAUSCH_HTTP_PORT", f"port {port} is not for ordinary users.", "Choose one from 1024 on.")
    cure = "Use 127.0.0.1, or an address of this machine."
    return wrong("PLAUSCH_HTTP_HOST", f"{host} is no address to listen on ({trouble.strerror}).", cure)


async def _is_plausch(host: str, port: int) -> bool:
    where = "127.0.0.1" if host in {"", "0.0.0.0"} else host  # noqa: S104 - asked for here, not listened on
    address = f"http://[{where}]:{port}" if ":" in where else f"http://{where}:{port}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http,
            http.get(f"{address}/healthz") as answer,
        ):
            return answer.ok and await answer.content.read(16) == b"ok\n"
    except (aiohttp.ClientError, OSError):
        return False


async def time_zone(settings: Settings) -> Sequence[Finding]:
    """What time it is there."""
    now = datetime.now(UTC).astimezone(settings.zone)
    return [well("time zone", f"{settings.time_zone}, where it is {now:%H:%M}")]


def free_memory() -> int | None:
    """Bytes that a new process could have; None where the system does not tell."""
    known = [amount for amount in (_of_the_system(), _of_the_control_group()) if amount is not None]
    return min(known, default=None)


def _of_the_system() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in _MEMORY.read_text(encoding="ascii").splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, LookupError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_the_control_group() -> int | None:
    """What a container may still use (version 2; "max" is no limit)."""
    try:
        limit, used = (
            int((_CONTROL_GROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):
        return None
    return max(0, limit - used)
