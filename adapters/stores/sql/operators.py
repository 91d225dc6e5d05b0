"""Who may open the dashboard: accounts, their roles, and the one-time links by which passwords are set."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import delete, func, select, update

from adapters.stores.sql.audit import Action, Deed, note, told
from adapters.stores.sql.operator_names import fit, folded
from adapters.stores.sql.operator_tables import operator_links, operators, sign_ins
from adapters.stores.sql.tables import conversations
from adapters.stores.sql.types import in_seconds, insert_into, new_id
from conversation.errors import PlauschError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from adapters.stores.sql.audit import Entry
    from adapters.stores.sql.database import Database
    from adapters.stores.sql.rows import AnyRow

Workspaces: TypeAlias = "tuple[tuple[str, str], ...]"
"""Platform and workspace of each."""

LINK_HOURS = 24


class Role(StrEnum):
    """What an operator may do."""

    OWNER = "owner"
    """Reveals names, exports, erases, manages operators."""
    ADMIN = "admin"
    """Runs the service; reads no text."""
    REVIEWER = "reviewer"
    """Reads text under pseudonyms."""
    AUDITOR = "auditor"
    """Reads the audit log and the works council's page."""


class Purpose(StrEnum):
    """What a one-time link is for."""

    INVITATION = "invitation"
    RESET = "reset"


class NameTaken(PlauschError):
    """An operator of this name is there already, perhaps in other letters."""


class LastOwner(PlauschError):
    """Without this owner nobody could manage operators."""


class NoSuchOperator(PlauschError):
    """The account was removed meanwhile."""


@dataclass(frozen=True, slots=True)
class Operator:
    """An account. ``workspaces``: None where it is not limited."""

    id: str
    name: str
    role: Role
    workspaces: Workspaces | None
    has_password: bool
    created_at: datetime
    locale: str | None = None
    zone: str | None = None


class SqlOperators:
    """Accounts on SQLite and PostgreSQL. What changes one is in the audit log with the same commit.

    ``by`` is the id of the operator who does it, None: the command line. Every method raises ``StoreUnavailable``.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[Operator]:
        """Every account, by name."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(operators).order_by(operators.c.folded))
            return [operator_of(row) for row in rows]

    async def named(self, name: str) -> Operator | None:
        """The account of this name, in whatever letters."""
        return await self._one(operators.c.folded == folded(name))

    async def of_id(self, operator_id: str) -> Operator | None:
        """The account of this id; None too where it is no id."""
        return await self._one(operators.c.id == operator_id) if _is_id(operator_id) else None

    async def password_of(self, operator_id: str) -> str | None:
        """The password's hash, None where none was set yet."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(operators.c.password).where(operators.c.id == operator_id))
            password: str | None = found.scalar_one_or_none()
            return password

    async def add(self, name: str, role: Role, workspaces: Workspaces | None = None, *, by: str | None) -> Operator:
        """A new account without a password. Raises ``NameUnfit`` and ``NameTaken``."""
        name = fit(name)
        values = {"id": new_id(), "name": name, "folded": folded(name), "role": role.value, "workspaces": workspaces}
        async with self._database.writing() as connection:
            fresh = insert_into(connection, operators).values(values).on_conflict_do_nothing().returning(operators)
            row = (await connection.execute(fresh)).one_or_none()
            if row is None:
                raise NameTaken(name)
            deed = Deed(Action.OPERATOR_ADDED, by, row.id, _rights(name, role, workspaces))
            entries = await note(connection, deed)
        told(entries)
        return operator_of(row)

    async def change(self, operator_id: str, role: Role, workspaces: Workspaces | None, *, by: str | None) -> None:
        """Another role, or other workspaces. Raises ``LastOwner``."""
        async with self._database.writing() as connection:
            was_owner = await _lock(connection, operator_id)
            changed = await connection.execute(
                update(operators)
                .where(operators.c.id == operator_id)
                .values(role=role.value, workspaces=workspaces)
                .returning(operators.c.name)
            )
            if (name := changed.scalar_one_or_none()) is None:
                return
            await _keep_an_owner(connection, by)
            if was_owner and role is not Role.OWNER:
                await connection.execute(delete(operator_links))  # perhaps made by this one, for another owner
            deed = Deed(Action.OPERATOR_CHANGED, by, operator_id, _rights(name, role, workspaces))
            entries = await note(connection, deed)
        told(entries)

    async def remove(self, operator_id: str, *, by: str | None) -> None:
        """Remove the account with its sign-ins and links. Raises ``LastOwner``."""
        async with self._database.writing() as connection:
            was_owner = await _lock(connection, operator_id)
            gone = delete(operators).where(operators.c.id == operator_id).returning(operators.c.name)
            if (name := (await connection.execute(gone)).scalar_one_or_none()) is None:
                return
            await _keep_an_owner(connection, by)
            if was_owner:
                await connection.execute(delete(operator_links))  # as above
            entries = await note(connection, Deed(Action.OPERATOR_REMOVED, by, operator_id, name))
        told(entries)

    async def prefer(self, operator_id: str, locale: str | None, zone: str | None) -> None:
        """How the operator wants to read; what is None stays."""
        values = {name: value for name, value in {"locale": locale, "zone": zone}.items() if value is not None}
        if values:
            async with self._database.writing() as connection:
                await connection.execute(update(operators).where(operators.c.id == operator_id).values(values))

    async def link(self, operator: Operator, *, by: str | None) -> str:
        """The token of a new one-time link; the links before it end. Raises ``NoSuchOperator``."""
        token = secrets.token_urlsafe(32)
        purpose = Purpose.RESET if operator.has_password else Purpose.INVITATION
        values = {
            "digest": digest_of(token),
            "operator_id": operator.id,
            "purpose": purpose.value,
            "ends": in_seconds(LINK_HOURS * 3600),
        }
        async with self._database.writing() as connection:
            if await _lock(connection, operator.id) is None:
                raise NoSuchOperator(operator.name)
            await connection.execute(delete(operator_links).where(operator_links.c.operator_id == operator.id))
            await connection.execute(operator_links.insert().values(values))
            entries = await note(connection, Deed(Action.LINK_MADE, by, operator.id, purpose.value))
        told(entries)
        return token

    async def of_link(self, token: str) -> tuple[Operator, Purpose] | None:
        """Whose link this is, and what for; None where it was used, is too old, or never was."""
        async with self._database.reading() as connection:
            row = (await connection.execute(_of_link(token))).one_or_none()
        return None if row is None else (operator_of(row), Purpose(row.purpose))

    async def set_password(self, token: str, password: str) -> Operator | None:
        """Use the link up: set the password's hash, and end every sign-in. None where the link does not hold."""
        async with self._database.writing() as connection:
            row = (await connection.execute(_of_link(token))).one_or_none()
            # Everybody locks the account first, and its links after it.
            if row is None or await _lock(connection, row.id) is None:
                return None
            if (await connection.execute(_of_link(token))).one_or_none() is None:
                return None
            operator, entries = await _set_password(connection, row.id, password)
        told(entries)
        return operator

    async def change_password(self, operator_id: str, before: str, password: str) -> bool:
        """Set the hash of another password, and end every sign-in and link. False: ``before`` is not its hash now."""
        async with self._database.writing() as connection:
            await _lock(connection, operator_id)
            found = await connection.execute(select(operators.c.password).where(operators.c.id == operator_id))
            if found.scalar_one_or_none() != before:
                return False
            _, entries = await _set_password(connection, operator_id, password)
        told(entries)
        return True

    async def known_workspaces(self) -> Workspaces:
        """Where anybody has ever talked."""
        asked = select(conversations.c.platform, conversations.c.workspace).distinct()
        async with self._database.reading() as connection:
            rows = await connection.execute(asked.order_by(conversations.c.platform, conversations.c.workspace))
            return tuple((row.platform, row.workspace) for row in rows)

    async def _one(self, condition: Any) -> Operator | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(operators).where(condition))).one_or_none()
        return None if row is None else operator_of(row)


def digest_of(secret: str) -> str:
    """What is stored of a secret with so much chance in it that nobody guesses it."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


async def _set_password(
    connection: AsyncConnection, operator_id: str, password: str
) -> tuple[Operator, Sequence[Entry]]:
    changed = update(operators).where(operators.c.id == operator_id).values(password=password).returning(operators)
    row = (await connection.execute(changed)).one()
    await connection.execute(delete(operator_links).where(operator_links.c.operator_id == operator_id))
    await connection.execute(
        update(sign_ins)
        .where(sign_ins.c.operator_id == operator_id, sign_ins.c.ended_at.is_(None))
        .values(ended_at=in_seconds(), digest=None)
    )
    return operator_of(row), await note(connection, Deed(Action.PASSWORD_SET, operator_id, operator_id))


async def _lock(connection: AsyncConnection, operator_id: str) -> bool | None:
    """Lock the account, and all owners' with it: two who remove each other must not leave nobody.

    Whether it is an owner's; None where there is no such account.
    """
    chosen = select(operators.c.id, operators.c.role).where(
        (operators.c.role == Role.OWNER.value) | (operators.c.id == operator_id)
    )
    rows = (await connection.execute(chosen.order_by(operators.c.id).with_for_update())).all()
    return next((row.role == Role.OWNER.value for row in rows if row.id == operator_id), None)


async def _keep_an_owner(connection: AsyncConnection, by: str | None) -> None:
    """Of those who have a password, where it is not the command line that asks: that can make a link at any time."""
    owners = select(func.count()).select_from(operators).where(operators.c.role == Role.OWNER.value)
    if by is not None:
        owners = owners.where(operators.c.password.isnot(None))
    if not (await connection.execute(owners)).scalar_one():
        raise LastOwner


def _of_link(token: str) -> Any:
    return (
        select(operators, operator_links.c.purpose)
        .join(operator_links, operator_links.c.operator_id == operators.c.id)
        .where(operator_links.c.digest == digest_of(token), operator_links.c.ends > in_seconds())
    )


def operator_of(row: AnyRow) -> Operator:
    """The account in this row of ``operators``."""
    return Operator(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        workspaces=None if row.workspaces is None else tuple((one[0], one[1]) for one in row.workspaces),
        has_password=row.password is not None,
        created_at=row.created_at,
        locale=row.locale,
        zone=row.zone,
    )


def _rights(name: str, role: Role, workspaces: Workspaces | None) -> str:
    where = "all workspaces" if workspaces is None else ", ".join(f"{one[0]} {one[1]}" for one in workspaces)
    return f"{name}: {role}, {where}"


def _is_id(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None
