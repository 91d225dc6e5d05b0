"""Who is signed in, and how often it was tried in vain."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, delete, func, select, update

from adapters.stores.sql.audit import Action, Deed, note, told
from adapters.stores.sql.operator_tables import operators, sign_in_failures, sign_ins
from adapters.stores.sql.operators import Operator, digest_of, operator_of
from adapters.stores.sql.types import in_seconds, insert_into, new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from adapters.stores.sql.database import Database
    from adapters.stores.sql.rows import AnyRow

IDLE_SECONDS = 12 * 3600.0
"""A sign-in that nobody uses ends by then."""
LONGEST_SECONDS = 7 * 24 * 3600.0
"""And every one by then."""
KEPT_SECONDS = 90 * 24 * 3600.0
"""How long the list of sign-ins reaches back."""
FORGOTTEN_SECONDS = 3600.0
"""Failures count until the newest is so old."""
_TOUCH_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 900.0
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class SignIn:
    """A browser in which somebody is, or was, signed in."""

    id: str
    browser: str
    address: str
    began_at: datetime
    seen_at: datetime
    ended_at: datetime | None


class SqlSignIns:
    """Sign-ins on SQLite and PostgreSQL. Every method raises ``StoreUnavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, operator: Operator, password: str | None, browser: str, address: str) -> str | None:
        """Sign in; the secret for the cookie. None where ``password`` is not the account's hash (any more)."""
        secret = secrets.token_urlsafe(32)
        values = {
            "id": new_id(),
            "digest": digest_of(secret),
            "operator_id": operator.id,
            "browser": browser,
            "address": address,
        }
        async with self._database.writing() as connection:
            held = select(operators.c.password).where(operators.c.id == operator.id).with_for_update()
            row = (await connection.execute(held)).one_or_none()
            if row is None or row.password != password:
                return None
            await connection.execute(delete(sign_ins).where(sign_ins.c.began_at < in_seconds(-KEPT_SECONDS)))
            await connection.execute(sign_ins.insert().values(values))
            entries = await note(connection, Deed(Action.SIGNED_IN, operator.id, detail=f"{browser}, {address}"))
        told(entries)
        return secret

    async def of_secret(self, secret: str) -> tuple[Operator, SignIn] | None:
        """Who is signed in with this cookie, if anybody. Being seen is noted once a minute."""
        held = select(sign_ins, in_seconds().label("now")).where(sign_ins.c.digest == digest_of(secret), *_is_open())
        async with self._database.reading() as connection:
            row = (await connection.execute(held)).one_or_none()
            if row is None:
                return None
            who = (await connection.execute(select(operators).where(operators.c.id == row.operator_id))).one_or_none()
            if who is None:
                return None
        if row.now > _after(row.seen_at, _TOUCH_SECONDS):
            async with self._database.writing() as connection:
                await connection.execute(update(sign_ins).where(sign_ins.c.id == row.id).values(seen_at=in_seconds()))
        return operator_of(who), _sign_in(row)

    async def is_open(self, sign_in_id: str) -> bool:
        """Whether it still holds: a live page asks before each line that it sends."""
        async with self._database.reading() as connection:
            held = select(sign_ins.c.id).where(sign_ins.c.id == sign_in_id, *_is_open())
            return (await connection.execute(held)).one_or_none() is not None

    async def end(self, operator_id: str, sign_in_id: str) -> None:
        """Sign out there."""
        async with self._database.writing() as connection:
            await connection.execute(_end(sign_ins.c.id == sign_in_id))
            entries = await note(connection, Deed(Action.SIGNED_OUT, operator_id))
        told(entries)

    async def end_all(self, operator_id: str) -> None:
        """Sign out everywhere."""
        async with self._database.writing() as connection:
            await connection.execute(_end(sign_ins.c.operator_id == operator_id))
            entries = await note(connection, Deed(Action.SIGNED_OUT_EVERYWHERE, operator_id))
        told(entries)

    async def of_operator(self, operator_id: str) -> Sequence[SignIn]:
        """The newest sign-ins; what ran out is told as ended."""
        newest = (
            select(sign_ins, in_seconds().label("now"))
            .where(sign_ins.c.operator_id == operator_id)
            .order_by(sign_ins.c.began_at.desc())
            .limit(_SHOWN)
        )
        async with self._database.reading() as connection:
            return [_sign_in(row) for row in await connection.execute(newest)]

    async def newest(self) -> Mapping[str, tuple[datetime, bool]]:
        """By operator when they were seen last, and whether they are signed in anywhere."""
        is_open = case((and_(*_is_open()), 1), else_=0)
        newest = select(sign_ins.c.operator_id, func.max(sign_ins.c.seen_at).label("seen"), func.max(is_open))
        async with self._database.reading() as connection:
            rows = await connection.execute(newest.group_by(sign_ins.c.operator_id))
            return {operator_id: (seen, bool(signed_in)) for operator_id, seen, signed_in in rows}

    async def may_try(self, limits: Mapping[str, int]) -> bool:
        """Whether somebody may try to sign in now. ``limits``: after how many failures each of these has to pause."""
        digests = {digest_of(what): limit for what, limit in limits.items()}
        failures = sign_in_failures.c
        recent = select(failures.digest, failures["count"].label("many"), failures.newest_at, in_seconds().label("now"))
        recent = recent.where(failures.digest.in_(digests), failures.newest_at > in_seconds(-FORGOTTEN_SECONDS))
        async with self._database.reading() as connection:
            rows = (await connection.execute(recent)).all()
        return all((row.now - row.newest_at).total_seconds() >= _pause(row.many - digests[row.digest]) for row in rows)

    async def failed(self, operator: Operator | None, name: str, address: str, counted: Sequence[str]) -> None:
        """Count a failure for each of these, and note it. ``name`` as it was typed: it may be a password."""
        async with self._database.writing() as connection:
            await connection.execute(
                delete(sign_in_failures).where(sign_in_failures.c.newest_at < in_seconds(-FORGOTTEN_SECONDS))
            )
            for digest in sorted(map(digest_of, counted)):
                first = insert_into(connection, sign_in_failures).values(digest=digest, count=1, newest_at=in_seconds())
                again = {"count": sign_in_failures.c["count"] + 1, "newest_at": in_seconds()}
                await connection.execute(first.on_conflict_do_update(index_elements=["digest"], set_=again))
            detail = f"{address}, {name}" if operator else address
            deed = Deed(Action.SIGN_IN_FAILED, operator.id if operator else None, detail=detail)
            entries = await note(connection, deed)
        told(entries)

    async def forgive(self, *counted: str) -> None:
        """Forget the failures of these."""
        async with self._database.writing() as connection:
            digests = list(map(digest_of, counted))
            await connection.execute(delete(sign_in_failures).where(sign_in_failures.c.digest.in_(digests)))


def _is_open() -> tuple[Any, ...]:
    return (
        sign_ins.c.ended_at.is_(None),
        sign_ins.c.seen_at > in_seconds(-IDLE_SECONDS),
        sign_ins.c.began_at > in_seconds(-LONGEST_SECONDS),
    )


def _end(which: Any) -> Any:
    return update(sign_ins).where(which, sign_ins.c.ended_at.is_(None)).values(ended_at=in_seconds(), digest=None)


def _pause(too_many: int) -> float:
    """Seconds until the next try: none below the limit, then twice as long each time."""
    return min(_FIRST_PAUSE * 2.0 ** min(too_many, 30), _LONGEST_PAUSE) if too_many >= 0 else 0.0


def _sign_in(row: AnyRow) -> SignIn:
    ends = min(_after(row.seen_at, IDLE_SECONDS), _after(row.began_at, LONGEST_SECONDS))
    ended = row.ended_at or (ends if ends <= row.now else None)
    return SignIn(row.id, row.browser, row.address, row.began_at, row.seen_at, ended)


def _after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)
