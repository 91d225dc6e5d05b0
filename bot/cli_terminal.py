"""``plausch chat`` and ``plausch ask``: the assistant in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bot import logs
from bot.settings import Settings
from bot.terminal_text import in_one_line
from conversation.errors import ModelServerUnreachable, PlauschError
from conversation.texts import texts_for
from conversation.turns import EndingKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.models import Served
    from bot.terminal import Session

Text = Annotated[str, typer.Argument(help="The question; - reads it from standard input.")]
_INTERRUPTED = 130
_LOAD_SECONDS = 600.0
"""How long the embedded model may load. Any other server is there or not."""


def chat() -> None:
    """Chat with the assistant in this terminal."""
    from bot.terminal_chat import chat as begin  # noqa: PLC0415 - late: other commands need none of it

    settings, model = _ready_to_serve()
    begin(settings, model)


def ask(text: Text) -> None:
    """Ask one question and print the answer, as plain text while it is written."""
    question = sys.stdin.read() if text == "-" else text
    if not question.strip():
        _fail("There is no question. Give it as TEXT, or - and the question on standard input.")
    settings, model = _ready_to_serve()
    try:
        raise typer.Exit(asyncio.run(_ask(settings, model, question)))
    except BrokenPipeError:
        # Whoever read the answer has gone (``| head``). What Python still holds for them must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except ModelServerUnreachable as trouble:
        _fail(f"{trouble} Start it, or set PLAUSCH_MODEL_URL to where it listens. `plausch doctor` checks it.")
    except PlauschError as trouble:
        _fail(f"{trouble} `plausch doctor` checks all settings.")


def _ready_to_serve() -> tuple[Settings, Served]:
    """Settings and model server. Fetching the model takes minutes the first time."""
    from bot.models import served  # noqa: PLC0415 - late, as above

    settings = Settings.load()
    logs.configure(settings.log_level)
    if settings.log_level != "debug":
        # The terminal belongs to the conversation; what goes wrong is said there.
        logging.disable(logging.CRITICAL)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr] # both are text files here
    return settings, served(settings)


async def _ask(settings: Settings, model: Served, question: str) -> int:
    from bot.terminal import opened, until_ready  # noqa: PLC0415 - late, as above

    try:
        await until_ready(model.server, _LOAD_SECONDS if settings.model_server == "embedded" else 0)
    except BaseException:
        await model.server.aclose()
        raise
    async with opened(settings, model) as session, _stopped_by_signals(session):
        return await _answer(session, question)


async def _answer(session: Session, question: str) -> int:
    from bot.terminal_show import Plain  # noqa: PLC0415 - late, as above

    plain = Plain(sys.stdout)
    waiting = texts_for(session.locale).waiting

    def show(markdown: str) -> None:
        """What passes belongs into no pipe."""
        if markdown == waiting:
            typer.echo(waiting.strip("_"), err=True)
        else:
            plain.show(markdown)

    ending = await session.say(question, show)
    if ending.kind in {EndingKind.REFUSED, EndingKind.PARKED}:
        typer.echo(ending.shown, err=True)
        return 1
    plain.end(ending.shown)
    return _INTERRUPTED if ending.kind is EndingKind.STOPPED else 0


@contextlib.asynccontextmanager
async def _stopped_by_signals(session: Session) -> AsyncIterator[None]:
    """Ctrl-C stops the answer, what was written stays; a second time, or SIGTERM, ends at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    stopping: list[asyncio.Task[Any]] = []

    def interrupted() -> None:
        if stopping and task is not None:
            task.cancel()
        stopping.append(asyncio.create_task(session.stop()))

    loop.add_signal_handler(signal.SIGINT, interrupted)
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        await asyncio.gather(*stopping, return_exceptions=True)


def _fail(problem: str) -> NoReturn:
    typer.echo(f"plausch: {in_one_line(problem)}", err=True)
    raise typer.Exit(1)
