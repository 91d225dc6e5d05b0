"""The child process of the embedded model server: llama.cpp's own server in a wheel, on a loopback port.

Run by its path (``python -P embedded_child.py``), so that it works from any folder; it imports nothing of this project.
Its orders are one line of JSON on standard input (the key must not stand in the process list). Once the model is loaded
it writes one line of JSON with its address to standard output. It ends when its standard input ends, that is when the
parent closes the pipe or dies, however it dies.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

PROMPT_CACHE_MEBIBYTES = 256
"""Room for the prompts of other conversations, so that they need not be read again; the server's default is 8 GiB."""
HTTP_THREADS = 32
"""Each stream holds one of them, those that wait for a slot too; enough must be left for ``/health``."""


def main() -> None:
    """Load the model, tell the address, and serve until the parent is gone."""
    orders = json.loads(sys.stdin.buffer.readline())
    # Ctrl-C and a service manager's stop reach the whole group, but answers under way still need the model: the parent
    # says when it is over by closing the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    _silence()
    server = _serve(orders)
    report.write(json.dumps({"address": server.listening_address}) + "\n")
    report.close()
    threading.Event().wait()


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _silence() -> None:
    """The library writes its log to the terminal; it belongs to whoever started the parent."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _serve(orders: dict[str, Any]) -> Any:
    import xllamacpp  # noqa: PLC0415  # takes a second: the watch on the parent must run before

    parameters = xllamacpp.CommonParams()
    parameters.model.path = orders["path"]
    parameters.model_alias = {orders["name"]}
    parameters.api_keys = [orders["key"]]
    parameters.port = 0
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.n_threads_http = HTTP_THREADS
    parameters.n_parallel = orders["slots"]
    parameters.n_ctx = orders["slots"] * orders["window"]
    parameters.cache_ram_mib = PROMPT_CACHE_MEBIBYTES
    parameters.cpuparams.n_threads = orders["threads"]
    parameters.cpuparams_batch.n_threads = orders["threads"]
    return xllamacpp.Server(parameters)


if __name__ == "__main__":
    main()
