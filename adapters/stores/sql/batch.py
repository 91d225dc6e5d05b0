"""What the inbox writes at one time, in one transaction, without standing in another process's way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import or_, select

from adapters.stores.sql.endings import over
from adapters.stores.sql.statements import prepared
from adapters.stores.sql.tables import KEY, conversations
from adapters.stores.sql.types import among, given_tuples, tuples_among

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from adapters.stores.sql.statements import Connection
    from conversation.messages import ConversationKey

Run: TypeAlias = "Callable[[Connection, Sequence[Any]], Awaitable[Sequence[Any]]]"

_LOCK = prepared(
    select(conversations.c.id)
    .where(or_(among(conversations.c.id, "ids"), tuples_among(KEY, "keys")))
    .order_by(conversations.c.id)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the inbox, and the conversation that it writes to, by its id or its key. A claim finds its own."""

    run: Run
    item: Any
    conversation_id: str | None = None
    key: ConversationKey | None = None
    last: bool = False
    """Run after all others, as claims are: they take what is free in any order, and wait for nobody."""


async def carry_out(connection: Connection, steps: Sequence[Step]) -> list[Any]:
    """Run all steps, those of one kind together; a result or an error for each.

    Whoever writes to several conversations locks all of them at the beginning, in the order of their ids: so no two
    processes ever wait for each other.
    """
    if connection.dialect.name != "sqlite":
        await _lock(connection, steps)
    kinds: dict[Run, list[int]] = {}
    for index, step in enumerate(steps):
        kinds.setdefault(step.run, []).append(index)
    results: list[Any] = [None] * len(steps)
    for run in sorted(kinds, key=lambda kind: steps[kinds[kind][0]].last):
        outcome = await run(connection, [steps[index].item for index in kinds[run]])
        for index, result in zip(kinds[run], outcome, strict=True):
            results[index] = result
    return results


async def _lock(connection: Connection, steps: Sequence[Step]) -> None:
    ids = sorted({step.conversation_id for step in steps if step.conversation_id is not None})
    keys = {step.key for step in steps if step.key is not None}
    if len(ids) + len(keys) < 2 and not any(step.run is over for step in steps):  # noqa: PLR2004 - see below
        # One lock can't be taken in the wrong order. A turn's end has to see all that came before it got the lock.
        return
    as_tuples = sorted((key.platform, key.workspace, key.channel, key.thread) for key in keys)
    values: dict[str, Any] = {"ids": ids} | dict.fromkeys((f"keys{place}" for place in range(len(KEY))), ())
    await connection.execute(_LOCK, values | (given_tuples(connection, "keys", as_tuples) if as_tuples else {}))
