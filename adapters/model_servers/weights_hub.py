"""A model file from Hugging Face's hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2
from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_download, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils.tqdm import tqdm as hub_bar

from adapters.model_servers.weights_pinned import RouteFailed, need_room

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from adapters.model_servers.weights_pinned import Progress

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file in a repository of the hub. ``endpoint`` is the hub's address; None leaves it to huggingface_hub."""

    repository: str
    file: str
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class HubAnswer:
    """What the hub says about a file; ``sha256`` is None where it keeps the file without one (small text files)."""

    size: int | None
    sha256: str | None


def ask_hub(wanted: HubFile, answer_seconds: float) -> HubAnswer:
    """Whether the hub answers and has the file. Asked once, without the client's own retries, so that it is quick."""
    url = hf_hub_url(wanted.repository, wanted.file, endpoint=wanted.endpoint)
    try:
        known = get_hf_file_metadata(url, timeout=answer_seconds, token=get_token(), endpoint=wanted.endpoint)
    except (httpx2.HTTPError, HfHubHTTPError, OSError) as problem:
        raise RouteFailed(_short(problem)) from problem
    etag = known.etag or ""
    return HubAnswer(known.size, etag if _SHA256.fullmatch(etag) else None)


def fetch_from_hub(wanted: HubFile, said: HubAnswer, into: Path, progress: Progress) -> Path:
    """Download into the folder, going on where an earlier try ended. The file is not verified yet."""
    need_room(into, said.size or 0)
    try:
        path = hf_hub_download(
            wanted.repository,
            wanted.file,
            local_dir=into,
            endpoint=wanted.endpoint,
            tqdm_class=_bar(said.size, progress),
        )
    except (httpx2.HTTPError, HfHubHTTPError, OSError, RuntimeError) as problem:
        raise RouteFailed(_short(problem)) from problem
    return into / path


def _bar(size: int | None, progress: Progress) -> type[hub_bar]:
    """The hub client wants a class that it makes a bar from; this one draws nothing and hands the figures on."""

    class Relay(hub_bar):
        def __init__(self, *args: Any, **settings: Any) -> None:
            self.done = int(settings.get("initial") or 0)
            self.size = size or int(settings.get("total") or 0)
            super().__init__(*args, **{**settings, "disable": True})  # type: ignore[no-untyped-call]  # it has no types

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            progress.at(self.done, self.size)

    return Relay


def _short(problem: Exception) -> str:
    first = next(iter(str(problem).strip().splitlines()), "")
    return f"{type(problem).__name__}: {first}" if first else type(problem).__name__
