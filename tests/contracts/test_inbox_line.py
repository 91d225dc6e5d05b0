"""What the inbox promises about who is next: fair between conversations and workspaces, and quick turns first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adapters.stores.sql.inbox import SqlInbox
from conversation.messages import ConversationKey
from tests.support.databases import opened
from tests.support.inbox import claimed, ended
from tests.support.words import question

if TYPE_CHECKING:
    from conversation.turns import Claim
    from tests.support.databases import Rows


def room(name: str, workspace: str = "web") -> ConversationKey:
    return ConversationKey("web", workspace, "", name)


async def asked(inbox: SqlInbox, *keys: ConversationKey, command: str | None = None) -> None:
    """A question in each, one after the other."""
    for key in keys:
        await inbox.put(question(key=key), command)


async def spaces(inbox: SqlInbox, count: int) -> list[str]:
    """The workspaces of the next claims, which are held."""
    return [(await claimed(inbox)).conversation.workspace for _ in range(count)]


async def test_a_conversation_in_which_much_is_asked_lets_the_others_go_first(inbox: SqlInbox) -> None:
    await asked(inbox, *[room("chatty")] * 3, room("quiet"), room("silent"))

    served = [await ended(inbox) for _ in range(5)]

    assert [claim.conversation.thread for claim in served] == ["chatty", "quiet", "silent", "chatty", "chatty"]
    assert [claim.position for claim in served] == [1, 1, 1, 2, 3]


async def test_whoever_failed_or_rests_goes_to_the_back_and_what_was_given_back_keeps_its_place(
    inbox: SqlInbox, rows: Rows
) -> None:
    await asked(inbox, room("a"), room("b"), room("c"))
    await inbox.fail(await claimed(inbox), "ValueError", 0)
    await inbox.hand_back(await claimed(inbox), 60)
    await rows.change("UPDATE conversations SET not_before = NULL")
    await inbox.hand_back(await claimed(inbox))

    assert [(await claimed(inbox)).conversation.thread for _ in range(3)] == ["c", "a", "b"]


async def test_a_large_workspace_does_not_starve_a_small_one(inbox: SqlInbox) -> None:
    await asked(inbox, *(room(str(number), "large") for number in range(8)), room("one", "small"))

    assert await spaces(inbox, 4) == ["large", "small", "large", "large"]


async def test_who_has_the_fewest_conversations_under_way_is_next(inbox: SqlInbox) -> None:
    await asked(inbox, *(room(str(number), "a") for number in range(6)))
    await spaces(inbox, 2)
    await asked(inbox, *(room(str(number), "b") for number in range(6)))

    assert await spaces(inbox, 5) == ["b", "b", "a", "b", "a"]


async def test_a_worker_that_answers_one_at_a_time_goes_round_the_workspaces(inbox: SqlInbox) -> None:
    for workspace in ("a", "b", "c"):
        await asked(inbox, *(room(str(number), workspace) for number in range(3)))

    served = [(await ended(inbox)).conversation.workspace for _ in range(6)]

    assert served == ["a", "b", "c", "a", "b", "c"]


async def test_claims_that_come_at_once_are_shared_among_the_workspaces(inbox: SqlInbox) -> None:
    for workspace in ("a", "b"):
        await asked(inbox, *(room(str(number), workspace) for number in range(5)))

    claims = await asyncio.gather(*(inbox.claim("w", 30, ["web"]) for _ in range(4)))

    assert sorted(claim.conversation.workspace for claim in claims if claim) == ["a", "a", "b", "b"]


async def test_what_needs_no_model_goes_first_and_can_be_asked_for_alone(inbox: SqlInbox) -> None:
    await asked(inbox, room("long"), room("longer"))
    await asked(inbox, room("help"), command="help")

    assert (await claimed(inbox)).command == "help"
    assert await inbox.claim("w", 30, ["web"], quick_only=True) is None
    await asked(inbox, room("long"), command="help")
    assert await inbox.claim("w", 30, ["web"], quick_only=True) is None
    claim = await claimed(inbox)
    await inbox.shown(claim)

    quick = await inbox.claim("w", 30, ["web"], quick_only=True)

    assert quick is not None
    assert (quick.conversation, quick.command, quick.position) == (claim.conversation, "help", 2)
    await inbox.shown(quick)
    await asked(inbox, room("long"))
    assert await inbox.claim("w", 30, ["web"], quick_only=True) is None


async def test_a_quick_turn_that_was_given_back_is_quick_again(inbox: SqlInbox) -> None:
    await asked(inbox, room("help"), command="help")
    await inbox.hand_back(await claimed(inbox))

    assert await inbox.claim("w", 30, ["web"], quick_only=True) is not None


async def test_who_takes_over_a_lease_that_ran_out_is_told(inbox: SqlInbox, rows: Rows) -> None:
    await asked(inbox, room("a"))
    first = await claimed(inbox)
    await inbox.hand_back(first)
    second = await claimed(inbox)
    await rows.expire_leases()
    third = await claimed(inbox, "successor")
    await inbox.hand_back(third)

    fourth = await claimed(inbox)
    await inbox.shown(fourth)
    await asked(inbox, room("a"))
    fifth = await claimed(inbox)

    # Whoever goes on after the successor has to know it too: the turn has the same messages.
    assert [claim.took_over for claim in (first, second, third, fourth, fifth)] == [False, False, True, True, False]


async def test_a_lease_that_ran_out_is_next_however_many_wait(inbox: SqlInbox, rows: Rows) -> None:
    await asked(inbox, room("dead"))
    dead = await claimed(inbox)
    await asked(inbox, room("help"), command="help")
    await rows.expire_leases()

    again = await claimed(inbox)

    assert (again.conversation, again.fence) == (dead.conversation, dead.fence + 1)


async def test_workers_at_once_get_all_that_waits_and_nothing_twice(
    inbox: SqlInbox, database_url: str, rows: Rows
) -> None:
    for workspace in ("a", "b", "c"):
        await asked(inbox, *(room(str(number), workspace) for number in range(10)))
    async with opened(database_url) as theirs:
        another = SqlInbox(theirs)
        got = await asyncio.gather(*(one.claim("w", 30, ["web"]) for one in (inbox, another) for _ in range(15)))

    taken: list[Claim] = [claim for claim in got if claim is not None]
    assert len({claim.conversation_id for claim in taken}) == len(taken) == 30
    assert await rows.select("SELECT max(fence) FROM conversations") == [(1,)]
