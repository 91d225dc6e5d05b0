"""``plausch chat``: a prompt in the main thread, the conversation in another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bot.terminal import opened, until_ready
from bot.terminal_show import Answer, Growing
from bot.terminal_text import in_one_line
from bot.terminal_thread import Background
from bot.terminal_words import Words, words_for
from conversation.errors import PlauschError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.models import Served
    from bot.settings import Settings
    from bot.terminal import Session
    from conversation.turns import Ending

_REDRAWS_A_SECOND = 12
# Longer than a locked database takes to say so.
_CLOSING_SECONDS = 10.0


def chat(settings: Settings, model: Served) -> None:
    """Talk until Ctrl-C or Ctrl-D at the prompt. Raises ``SettingWrong``; exits with 1 where it can't begin."""
    console = Console()
    # A shell that starts commands in the background has it ignored; at a prompt Ctrl-C has to mean something.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with _ended_by_signals(), Background() as background:
        stack = contextlib.AsyncExitStack()
        try:
            stack.push_async_callback(model.server.aclose)
            session = background.run(stack.enter_async_context(opened(settings, model)))
            words = words_for(session.locale)
            _wait_for_model(console, background, model, words)
            console.print(Text(words.welcome.format(model=model.profile.called), style="dim"))
            _talk(console, background, session, words)
        except PlauschError as trouble:
            _fail(trouble)
        except KeyboardInterrupt:
            console.print()
        finally:
            _close(background, stack)


def _close(background: Background, stack: contextlib.AsyncExitStack) -> None:
    """Close everything; Ctrl-C again must not break that off, since a half-closed database keeps the process alive."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        background.run(asyncio.wait_for(stack.aclose(), _CLOSING_SECONDS))
    except TimeoutError:
        os._exit(1)


def _wait_for_model(console: Console, background: Background, model: Served, words: Words) -> None:
    with console.status(words.loading) as status:

        def tell(trouble: str) -> None:
            status.update(Text(f"{words.loading} {in_one_line(trouble)}"))

        waiting = background.begin(until_ready(model.server, float("inf"), tell))
        try:
            waiting.result()
        finally:
            waiting.cancel()


def _talk(console: Console, background: Background, session: Session, words: Words) -> None:
    while (said := _read(words.prompt)) is not None:
        if not said.strip():
            continue
        try:
            ending = _answered(console, background, session, said)
        except PlauschError as trouble:
            console.print(Text(in_one_line(str(trouble)), style="red"))
        else:
            console.print(Answer(ending.shown))
        console.print()
    console.print(Text(words.bye, style="dim"))


def _read(prompt: str) -> str | None:
    """A line, with the session's earlier ones at hand; None at its end. None is kept on disk: it is what people say."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401, PLC0415 - importing it changes input(); not on every platform
    try:
        return input(prompt)
    except (EOFError, KeyboardInterrupt):
        print()  # noqa: T201 - the prompt's line ends here
        return None


def _answered(console: Console, background: Background, session: Session, said: str) -> Ending:
    """Show the answer while it grows; it is taken away in the end, to be printed as a whole."""
    growing = Growing(words_for(session.locale).thinking)

    def show(markdown: str) -> None:
        growing.text = markdown

    live = Live(growing, console=console, transient=True, refresh_per_second=_REDRAWS_A_SECOND)
    with live, _stopped_by_interrupts(background, session):
        return background.run(session.say(said, show))


@contextlib.contextmanager
def _stopped_by_interrupts(background: Background, session: Session) -> Iterator[None]:
    """Ctrl-C stops the answer instead of the program."""
    before = signal.signal(signal.SIGINT, lambda *_: background.begin(session.stop()))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A closed terminal, or SIGTERM, ends the session in order."""

    def end(number: int, _: Any) -> NoReturn:
        sys.exit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(trouble: PlauschError) -> NoReturn:
    sys.stderr.write(f"plausch: {in_one_line(str(trouble))} `plausch doctor` checks all settings.\n")
    sys.exit(1)
