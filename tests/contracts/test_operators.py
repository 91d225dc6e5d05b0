"""Operators, their links and sign-ins, on both databases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql.audit import SqlAudit
from adapters.stores.sql.operator_names import NameUnfit
from adapters.stores.sql.operators import LastOwner, NameTaken, Operator, Purpose, Role, SqlOperators
from adapters.stores.sql.sign_ins import IDLE_SECONDS, LONGEST_SECONDS, SqlSignIns
from tests.support.databases import Rows

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database


@pytest.fixture
def operators(database: Database) -> SqlOperators:
    return SqlOperators(database)


@pytest.fixture
def sign_ins(database: Database) -> SqlSignIns:
    return SqlSignIns(database)


@pytest.fixture
async def owner(operators: SqlOperators) -> Operator:
    return await operators.add("Erika Beispiel", Role.OWNER, by=None)


async def begun(sign_ins: SqlSignIns, operator: Operator, browser: str, address: str) -> str:
    """Signed in, before any password was set."""
    secret = await sign_ins.begin(operator, None, browser, address)
    assert secret is not None
    return secret


async def actions(database: Database) -> list[str]:
    return [entry.action for entry in (await SqlAudit(database).entries()).entries][::-1]


async def test_an_operator_is_found_by_the_name_in_whatever_letters(operators: SqlOperators, owner: Operator) -> None:
    assert (owner.name, owner.role, owner.workspaces, owner.has_password) == ("Erika Beispiel", "owner", None, False)
    for name in ("erika beispiel", " ERIKA BEISPIEL ", "Ｅrika Beispiel"):
        assert await operators.named(name) == owner
        with pytest.raises(NameTaken):
            await operators.add(name, Role.ADMIN, by=owner.id)
    assert await operators.named("erika") is None
    assert await operators.of_id(owner.id) == owner
    assert await operators.of_id("no id") is None


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "Erika\nBeispiel", "Erika  Beispiel", "Er\u202eika", "<b>", "a\0"])
async def test_a_name_that_could_look_like_another_is_refused(operators: SqlOperators, name: str) -> None:
    with pytest.raises(NameUnfit):
        await operators.add(name, Role.OWNER, by=None)
    assert await operators.named(name) is None


async def test_roles_and_workspaces_are_kept(operators: SqlOperators, owner: Operator, database: Database) -> None:
    limited = await operators.add("Max", Role.REVIEWER, (("slack", "T1"), ("web", "web")), by=owner.id)
    assert await operators.named("max") == limited
    assert limited.workspaces == (("slack", "T1"), ("web", "web"))

    await operators.change(limited.id, Role.AUDITOR, (), by=None)
    changed = await operators.of_id(limited.id)
    assert changed is not None
    assert (changed.role, changed.workspaces) == (Role.AUDITOR, ())

    await operators.change(limited.id, Role.AUDITOR, None, by=None)
    changed = await operators.of_id(limited.id)
    assert changed is not None
    assert changed.workspaces is None
    assert [one.name for one in await operators.all()] == ["Erika Beispiel", "Max"]
    assert await actions(database) == ["operator_added", "operator_added", "operator_changed", "operator_changed"]


async def test_the_last_owner_stays(operators: SqlOperators, owner: Operator) -> None:
    with pytest.raises(LastOwner):
        await operators.remove(owner.id, by=None)
    with pytest.raises(LastOwner):
        await operators.change(owner.id, Role.ADMIN, None, by=owner.id)
    assert await operators.of_id(owner.id) == owner


async def test_two_owners_who_remove_each_other_leave_one(operators: SqlOperators, owner: Operator) -> None:
    other = await operators.add("Max", Role.OWNER, by=owner.id)
    for one in (owner, other):
        await operators.set_password(await operators.link(one, by=None), "hash")
    removals = [operators.remove(owner.id, by=other.id), operators.remove(other.id, by=owner.id)]
    outcomes = await asyncio.gather(*removals, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastOwner", "NoneType"]
    assert len(await operators.all()) == 1


async def test_a_link_holds_once_and_ends_those_before(operators: SqlOperators, owner: Operator) -> None:
    first, second = await operators.link(owner, by=None), await operators.link(owner, by=None)
    assert await operators.of_link(first) is None
    assert await operators.of_link(second) == (owner, Purpose.INVITATION)

    ready = await operators.set_password(second, "hash")
    assert ready is not None
    assert ready.has_password
    assert await operators.password_of(owner.id) == "hash"
    assert await operators.set_password(second, "another") is None
    third = await operators.link(ready, by=owner.id)
    assert await operators.of_link(third) == (ready, Purpose.RESET)
    assert not await operators.change_password(owner.id, "not its hash", "third")
    assert await operators.change_password(owner.id, "hash", "third")
    assert await operators.of_link(third) is None


async def test_of_two_who_use_a_link_at_once_one_sets_the_password(operators: SqlOperators, owner: Operator) -> None:
    token = await operators.link(owner, by=None)
    used = await asyncio.gather(*(operators.set_password(token, f"hash {number}") for number in range(5)))
    assert sum(one is not None for one in used) == 1


async def test_a_link_that_is_too_old_does_not_hold(
    operators: SqlOperators, owner: Operator, database: Database
) -> None:
    token = await operators.link(owner, by=None)
    await Rows(database).change("UPDATE operator_links SET ends = '2020-01-01 00:00:00.000000+00'")
    assert await operators.of_link(token) is None
    assert await operators.set_password(token, "hash") is None


async def test_no_secret_is_stored(
    operators: SqlOperators, sign_ins: SqlSignIns, owner: Operator, database: Database
) -> None:
    secrets = [await operators.link(owner, by=None), await begun(sign_ins, owner, "Firefox", "127.0.0.1")]
    stored = str(await Rows(database).select("SELECT * FROM operator_links"))
    stored += str(await Rows(database).select("SELECT * FROM sign_ins"))
    stored += str(await Rows(database).select("SELECT * FROM audit_entries"))
    assert not [secret for secret in secrets if secret in stored]


async def test_who_is_signed_in_is_known_until_they_sign_out(
    sign_ins: SqlSignIns, owner: Operator, database: Database
) -> None:
    here, there = [await begun(sign_ins, owner, browser, "::1") for browser in ("Firefox", "Chrome")]
    found = await sign_ins.of_secret(here)
    assert found is not None
    assert (found[0], found[1].browser, found[1].address) == (owner, "Firefox", "::1")
    assert await sign_ins.of_secret("") is None

    await sign_ins.end(owner.id, found[1].id)
    assert await sign_ins.of_secret(here) is None
    assert not await sign_ins.is_open(found[1].id)
    assert await sign_ins.of_secret(there) is not None
    await sign_ins.end_all(owner.id)
    assert await sign_ins.of_secret(there) is None
    assert [one.ended_at is not None for one in await sign_ins.of_operator(owner.id)] == [True, True]
    assert await actions(database) == [
        *("operator_added", "signed_in", "signed_in", "signed_out", "signed_out_everywhere"),
    ]


@pytest.mark.parametrize(("column", "seconds"), [("seen_at", IDLE_SECONDS), ("began_at", LONGEST_SECONDS)])
async def test_a_sign_in_ends_by_itself(
    sign_ins: SqlSignIns, owner: Operator, database: Database, column: str, seconds: float
) -> None:
    secret = await begun(sign_ins, owner, "Firefox", "::1")
    await set_back(database, "sign_ins", column, seconds + 1)
    assert await sign_ins.of_secret(secret) is None
    (ended,) = await sign_ins.of_operator(owner.id)
    assert ended.ended_at is not None
    assert (await sign_ins.newest())[owner.id] == (ended.seen_at, False)


async def test_being_seen_keeps_a_sign_in(sign_ins: SqlSignIns, owner: Operator, database: Database) -> None:
    secret = await begun(sign_ins, owner, "Firefox", "::1")
    await set_back(database, "sign_ins", "seen_at", IDLE_SECONDS - 60)
    assert await sign_ins.of_secret(secret) is not None
    (kept,) = await sign_ins.of_operator(owner.id)
    assert (kept.seen_at - kept.began_at).total_seconds() >= 0


async def test_another_password_ends_all_sign_ins(
    operators: SqlOperators, sign_ins: SqlSignIns, owner: Operator
) -> None:
    secrets = [await begun(sign_ins, owner, "Firefox", "::1") for _ in range(2)]
    await operators.set_password(await operators.link(owner, by=None), "hash")
    assert [await sign_ins.of_secret(secret) for secret in secrets] == [None, None]


async def test_who_is_removed_is_signed_out(operators: SqlOperators, sign_ins: SqlSignIns, owner: Operator) -> None:
    other = await operators.add("Max", Role.ADMIN, by=owner.id)
    secret, token = await begun(sign_ins, other, "Firefox", "::1"), await operators.link(other, by=owner.id)
    await operators.remove(other.id, by=None)
    assert await sign_ins.of_secret(secret) is None
    assert await operators.of_link(token) is None


async def test_after_too_many_failures_pauses_grow_and_are_forgotten(sign_ins: SqlSignIns, database: Database) -> None:
    limits = {"of somebody": 2, "from somewhere": 10}
    for _ in range(2):
        assert await sign_ins.may_try(limits)
        await sign_ins.failed(None, "somebody", "somewhere", list(limits))
    assert not await sign_ins.may_try(limits)
    assert await sign_ins.may_try({"of another": 2, "from somewhere": 10})

    await set_back(database, "sign_in_failures", "newest_at", 3)
    assert await sign_ins.may_try(limits)  # the first pause is 2 s
    await sign_ins.failed(None, "somebody", "somewhere", list(limits))
    await set_back(database, "sign_in_failures", "newest_at", 3)
    assert not await sign_ins.may_try(limits)
    await sign_ins.forgive("of somebody")
    assert await sign_ins.may_try(limits)


async def test_what_was_typed_as_a_name_is_noted_only_where_it_is_one(
    sign_ins: SqlSignIns, owner: Operator, database: Database
) -> None:
    await sign_ins.failed(None, "my secret password", "::1", ["of x"])
    await sign_ins.failed(owner, "erika beispiel", "::1", ["of y"])
    newest, before = (await SqlAudit(database).entries()).entries[:2]
    assert (newest.detail, before.detail) == ("::1, erika beispiel", "::1")


async def set_back(database: Database, table: str, column: str, seconds: float) -> None:
    """As if it had been so many seconds ago."""
    moment = f"clock_timestamp() - interval '{seconds} seconds'"
    if database.is_sqlite:
        moment = f"(strftime('%Y-%m-%d %H:%M:%f', 'now', '-{seconds} seconds') || '000')"
    await Rows(database).change(f"UPDATE {table} SET {column} = {moment}")  # noqa: S608 - our own words


async def test_a_password_that_was_changed_meanwhile_signs_nobody_in(
    operators: SqlOperators, sign_ins: SqlSignIns, owner: Operator
) -> None:
    await operators.set_password(await operators.link(owner, by=None), "hash")
    await operators.change_password(owner.id, "hash", "another")
    assert await sign_ins.begin(owner, "hash", "Firefox", "::1") is None
    assert await sign_ins.begin(owner, "another", "Firefox", "::1") is not None


async def test_an_owner_without_a_password_is_no_reason_to_let_the_last_one_go(
    operators: SqlOperators, owner: Operator
) -> None:
    await operators.set_password(await operators.link(owner, by=None), "hash")
    await operators.add("Max", Role.OWNER, by=owner.id)
    with pytest.raises(LastOwner):
        await operators.remove(owner.id, by=owner.id)


async def test_links_that_an_owner_made_end_when_the_owner_goes(operators: SqlOperators, owner: Operator) -> None:
    await operators.set_password(await operators.link(owner, by=None), "hash")
    other = await operators.add("Max", Role.OWNER, by=owner.id)
    await operators.set_password(await operators.link(other, by=None), "hash")
    token = await operators.link(owner, by=other.id)
    await operators.remove(other.id, by=owner.id)
    assert await operators.of_link(token) is None


async def test_of_links_that_are_made_at_once_one_holds(operators: SqlOperators, owner: Operator) -> None:
    tokens = await asyncio.gather(*(operators.link(owner, by=None) for _ in range(5)))
    assert sum([await operators.of_link(token) is not None for token in tokens]) == 1
