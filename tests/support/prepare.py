"""Bring what the tests need and pip can't install: a Chromium, and a small model. ``make test`` calls it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from adapters.model_servers.weights_progress import OnConsole
from tests.support.browser import chromium_path
from tests.support.small_model import small_model

_PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-noto-color-emoji")


def main() -> None:
    """Install what is missing; say what to do where it can't be."""
    if not chromium_path():
        print("Installing Chromium for the tests of pages …", flush=True)  # noqa: T201 - a command's own words
        if os.name != "nt" and os.getuid() == 0 and shutil.which("apt-get"):
            _run("apt-get", "update", "-qq")
            _run("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *_PACKAGES)
        else:
            _run(sys.executable, "-m", "playwright", "install", "chromium")
    with OnConsole() as shown:
        small_model(shown)


def _run(*command: str) -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    finished = subprocess.run(  # noqa: S603 - the commands above
        command, env=os.environ | quiet, stdout=subprocess.DEVNULL, check=False
    )
    if finished.returncode:
        raise SystemExit(
            f"`{' '.join(command)}` failed. Install Chromium yourself and set PLAUSCH_TEST_CHROMIUM to it."
        )


if __name__ == "__main__":
    main()
