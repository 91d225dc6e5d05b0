from __future__ import annotations

import io

from rich.console import Console

from adapters.model_servers.weights_progress import OnConsole


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    output = io.StringIO()
    with OnConsole(Console(file=output), line_seconds=3600) as shown:
        for done in (0, 1_000_000, 2_000_000, 2_000_000):
            shown.at(done, 2_000_000)
    assert output.getvalue().splitlines() == ["Model file: 0 MB of 2 MB", "Model file: 2 MB of 2 MB"]


def test_on_a_terminal_progress_is_a_bar() -> None:
    output = io.StringIO()
    with OnConsole(Console(file=output, force_terminal=True, width=100)) as shown:
        shown.at(1_000_000, 2_000_000)
        shown.at(2_000_000, 2_000_000)
        shown.say("Fertig [b]")
    assert "2.0/2.0 MB" in output.getvalue()
    assert "Fertig [b]" in output.getvalue()
