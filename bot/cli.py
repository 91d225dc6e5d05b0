"""The command line."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bot import logs
from bot.cli_audit import audit_app
from bot.cli_database import up_to_date
from bot.cli_demo import demo
from bot.cli_doctor import doctor
from bot.cli_operators import operators_app
from bot.cli_terminal import ask, chat
from bot.cli_turns import turns_app
from bot.role import Role
from bot.settings import Settings, SettingsWrong
from conversation.errors import SettingWrong

if TYPE_CHECKING:
    from bot.service import Service

RoleOption = Annotated[
    Role,
    typer.Option(help="web: receive messages and serve pages; worker: answer; all: both, in one process."),
]
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
database_app = typer.Typer(no_args_is_help=True)
app.command()(demo)
app.command()(chat)
app.command()(ask)
app.command()(doctor)
app.add_typer(operators_app, name="operators", help="Who may open the dashboard.")
app.add_typer(audit_app, name="audit", help="The audit log.")
app.add_typer(turns_app, name="turns", help="Turns that were put aside after too many failures.")
app.add_typer(database_app, name="db", help="The database.")


def main() -> None:
    """Run the command; what is wrong with settings is said in a line each, with the cure."""
    try:
        app()
    except SettingsWrong as wrong:
        complain(*wrong.problems)
    except SettingWrong as wrong:
        complain(wrong)


def complain(*problems: SettingWrong) -> None:
    """Name each wrong setting and its cure, and end with exit code 2."""
    for problem in problems:
        typer.echo(f"{problem.name}: {problem.problem} {problem.cure}", err=True)
    raise SystemExit(2)


@app.command()
def run(role: RoleOption = Role.ALL) -> None:
    """Run the service: web chat, platforms, worker. With PostgreSQL, any number of processes share the work."""
    settings = Settings.load()
    logs.configure(settings.log_level)
    # What is imported stays: looking through it for garbage takes a tenth of the start, and later stops the loop.
    gc.disable()
    from bot.service import Service  # noqa: PLC0415 - the other commands need none of it

    service = Service(settings, role=role)
    gc.freeze()
    gc.enable()
    _in_loop(service)


@app.command()
def prompt() -> None:
    """Read one case (JSON) from standard input and print the prompt that it becomes, nothing else."""
    from conversation.prompts.case import case_prompt  # noqa: PLC0415 - late, as above

    try:
        sys.stdout.write(case_prompt(json.load(sys.stdin)))
    except json.JSONDecodeError as wrong:
        typer.echo(
            f"plausch prompt: standard input is no JSON ({wrong}). Give one object with system and turns.", err=True
        )
        raise typer.Exit(2) from None
    except ValueError as wrong:
        typer.echo(f"plausch prompt: {wrong}", err=True)
        raise typer.Exit(2) from None


@database_app.command("upgrade")
def database_upgrade() -> None:
    """Bring the database up to date. ``plausch run`` does the same at its start."""

    async def bring_up_to_date() -> None:
        async with up_to_date(Settings.load()):
            pass

    asyncio.run(bring_up_to_date())
    typer.echo("The database is up to date.")


def _in_loop(service: Service) -> None:
    """Run the service in an event loop, uvloop's where the platform has it, until SIGTERM or SIGINT."""

    async def until_told() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.end)
        await service.run()

    try:
        import uvloop  # noqa: PLC0415 - not to be had on every platform
    except ImportError:
        asyncio.run(until_told())
    else:
        uvloop.run(until_told())
