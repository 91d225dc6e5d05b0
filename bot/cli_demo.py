"""``plausch demo``: the service in the sandbox, to look at, or asked one question in all three places."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bot import logs
from bot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from bot.models import Served

Say = Annotated[str | None, typer.Option(help="Ask this in all three places, print the answers, and end.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait until all is ready, and then for each answer.", min=1)]


def demo(say: Say = None, wait: Wait = 1800) -> None:
    """Chat with a real model through stand-in Slack, stand-in Telegram and the web page, on this machine only.

    With --say: exit code 0 only if all three answered and the database holds what they said; else 1.
    """
    from bot.models import served  # noqa: PLC0415 - late: other commands need none of it

    settings = Settings.load()
    logs.configure("debug" if settings.log_level == "debug" else "error")
    if say is not None and not say.strip():
        raise typer.BadParameter("it is empty", param_hint="--say")
    # A terminal hands over bytes that are no text as lone surrogates, which nobody can send.
    say = say and say.encode("utf-8", "replace").decode()
    # Before the loop: fetching the model takes minutes the first time, and Ctrl-C must end it.
    model = served(settings)
    raise typer.Exit(_run(_show(settings, model) if say is None else _ask(settings, model, say, wait)))


def _run(coroutine: Coroutine[Any, Any, int]) -> int:
    """Run it; SIGTERM and Ctrl-C cancel it, which ends everything in order. The second time they end it at once."""

    async def until_told() -> int:
        task, loop = asyncio.create_task(coroutine), asyncio.get_running_loop()

        def end() -> None:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)
            typer.echo(
                "Ending. An answer that is being written is finished first; Ctrl-C again does not wait.", err=True
            )
            task.cancel()

        for number in _SIGNALS:
            loop.add_signal_handler(number, end)
        await asyncio.wait({task})
        return _INTERRUPTED if task.cancelled() else task.result()

    return asyncio.run(until_told())


_INTERRUPTED = 130
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def _show(settings: Settings, model: Served) -> int:
    from bot import sandbox, sandbox_show  # noqa: PLC0415 - late, as above

    console = Console()
    own = sandbox.for_sandbox(settings)
    try:
        async with sandbox.opened(own, model, page_port=sandbox.PAGE_PORT) as running:
            with sandbox_show.waiting(console) as tell:
                await running.until_ready(float("inf"), tell)
            console.print("The dashboard asks for a password. Set one here, with this link that works once:")
            # In a line of its own: what a frame cuts can't be clicked.
            console.print(await running.dashboard_link(), soft_wrap=True, highlight=False)
            console.print(sandbox_show.where_to_look(console, running, sandbox.notice(own)["en"]))
            await asyncio.wait({running.running})
            running.running.result()
    except asyncio.CancelledError:
        return 0  # Somebody ended it, as one does.
    return 0


async def _ask(settings: Settings, model: Served, text: str, wait: float) -> int:
    from bot import sandbox, sandbox_say, sandbox_show  # noqa: PLC0415 - late, as above

    console = Console()
    with tempfile.TemporaryDirectory(prefix="plausch-demo-") as folder:
        own = sandbox.for_sandbox(settings, Path(folder), http_port=0)
        async with sandbox.opened(own, model) as running:
            try:
                with sandbox_show.waiting(console) as tell:
                    await running.until_ready(wait, tell)
            except sandbox.NotReady as waiting:
                console.print(f"Nothing was asked: still waiting after {wait:g} s. {waiting}", soft_wrap=True)
                return 1
            with sandbox_show.growing(console) as show:
                answers = await sandbox_say.ask_everywhere(running, text, wait, show)
    if console.is_terminal:
        console.print(sandbox_show.panels(console, answers))
    console.print(sandbox_show.summary(answers, _model_megabytes(settings)))
    if settings.model_server == "embedded" and not settings.embedded_model:
        console.print("This small model is only a stand-in for EM German.", style="dim")
    return int(any(answer.missing for answer in answers))


def _model_megabytes(settings: Settings) -> int | None:
    """The most memory that the model's process had, now that it has ended; None where it is not ours or not known."""
    if settings.model_server != "embedded" or sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - not on every platform

    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # Kilobytes on Linux, bytes on macOS (getrusage(2) of each).
    return most // 1_000_000 if sys.platform == "darwin" else most * 1024 // 1_000_000
