"""``plausch operators``: who may open the dashboard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bot import logs
from bot.cli_database import told, up_to_date
from bot.settings import Settings
from bot.terminal_text import in_one_line
from conversation.errors import PlauschError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.stores.sql.operators import Operator, SqlOperators

_ALSO_LOCALHOST = ("127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 - compared only
Result = TypeVar("Result")
operators_app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The name to sign in with.")]
RoleName = Annotated[
    str,
    typer.Option(
        help="owner: reveals names, exports, erases, manages operators; admin: runs the service, reads no text; "
        "reviewer: reads text under pseudonyms; auditor: reads the audit log."
    ),
]
Workspace = Annotated[
    list[str] | None,
    typer.Option(help="PLATFORM/WORKSPACE that the operator is limited to, may be repeated; else all of them."),
]


@operators_app.command()
def add(name: Name, role: RoleName = "owner", workspace: Workspace = None) -> None:
    """Add an operator and print a one-time link, by which they set their password."""
    settings = Settings.load()

    async def added(operators: SqlOperators) -> tuple[Operator, str]:
        from adapters.stores.sql.operators import Role  # noqa: PLC0415 - late: other commands need none of it

        if role not in set(Role):
            raise typer.BadParameter(f"{role} is no role: {', '.join(Role)}.", param_hint="--role")
        new = await operators.add(name, Role(role), _limits(workspace), by=None)
        return new, await operators.link(new, by=None)

    new, token = _run(settings, added)
    _print_link(settings, new, token)


@operators_app.command()
def link(name: Name) -> None:
    """Print a new one-time link, by which an operator sets a new password. Earlier links end."""
    settings = Settings.load()

    async def made(operators: SqlOperators) -> tuple[Operator, str]:
        meant = await _named(operators, name)
        return meant, await operators.link(meant, by=None)

    _print_link(settings, *_run(settings, made))


@operators_app.command("list")
def list_all() -> None:
    """List all operators."""
    everybody = _run(Settings.load(), lambda operators: operators.all())
    if not everybody:
        typer.echo("There is no operator yet: `plausch operators add NAME` makes the first one.")
    for operator in everybody:
        where = "all workspaces"
        if operator.workspaces is not None:
            where = " ".join("/".join(one) for one in operator.workspaces)
        state = "" if operator.has_password else " (no password yet)"
        typer.echo(in_one_line(f"{operator.name}: {operator.role}, {where}{state}"))


@operators_app.command()
def remove(name: Name) -> None:
    """Remove an operator, with all sign-ins. What they did stays in the audit log."""

    async def removed(operators: SqlOperators) -> None:
        await operators.remove((await _named(operators, name)).id, by=None)

    _run(Settings.load(), removed)
    typer.echo(f"{in_one_line(name)} is removed.")


async def _named(operators: SqlOperators, name: str) -> Operator:
    if (found := await operators.named(name)) is None:
        raise typer.BadParameter(f"There is no operator {in_one_line(name)}: `plausch operators list` lists them.")
    return found


def _limits(workspaces: list[str] | None) -> tuple[tuple[str, str], ...] | None:
    limits = []
    for text in workspaces or []:
        platform, _, workspace = text.partition("/")
        if not (platform and workspace):
            raise typer.BadParameter(f"{in_one_line(text)} is no PLATFORM/WORKSPACE.", param_hint="--workspace")
        limits.append((platform, workspace))
    return tuple(limits) or None


def _print_link(settings: Settings, operator: Operator, token: str) -> None:
    from adapters.stores.sql.operators import LINK_HOURS  # noqa: PLC0415 - late, as above

    host = "localhost" if settings.http_host in _ALSO_LOCALHOST else settings.http_host
    typer.echo(f"{in_one_line(operator.name)} sets a password here, once, within {LINK_HOURS} hours:")
    typer.echo(f"http://{host}:{settings.http_port}/admin/link/{token}")
    typer.echo("Put your own address before /admin where the dashboard is reached by another one.")


def _run(settings: Settings, work: Callable[[SqlOperators], Awaitable[Result]]) -> Result:
    from adapters.stores.sql.operator_names import NameUnfit  # noqa: PLC0415 - late, as above
    from adapters.stores.sql.operators import LastOwner, NameTaken  # noqa: PLC0415 - late, as above

    logs.configure("warning")  # the log of what was done is no word to whoever sits here
    try:
        return asyncio.run(_with_operators(settings, work))
    except NameTaken:
        problem = "There is an operator of this name already: `plausch operators link NAME` makes a new link."
    except NameUnfit as unfit:
        problem = f"This name can't be used. A name has {unfit}."
    except LastOwner:
        problem = "This is the last owner: nobody could manage operators. Add another owner first."
    except PlauschError as trouble:
        raise told(trouble) from None
    typer.echo(f"plausch: {problem}", err=True)
    raise typer.Exit(1)


async def _with_operators(settings: Settings, work: Callable[[SqlOperators], Awaitable[Result]]) -> Result:
    from adapters.stores.sql.operators import SqlOperators  # noqa: PLC0415 - late, as above

    async with up_to_date(settings) as database:
        return await work(SqlOperators(database))
