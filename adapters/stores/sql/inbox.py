"""The inbox on SQL: the service's engine on both databases."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Float, bindparam, func, select, update

from adapters.stores.sql import claim as claims
from adapters.stores.sql import endings
from adapters.stores.sql import parked as aside
from adapters.stores.sql.arrivals import Arrival
from adapters.stores.sql.batch import Step, carry_out
from adapters.stores.sql.gathering import nobody
from adapters.stores.sql.limits import OpenCounts
from adapters.stores.sql.line import Line, Wanted
from adapters.stores.sql.put import put, request_stop
from adapters.stores.sql.statements import prepared
from adapters.stores.sql.tables import WAITING, conversations, messages, turns, unreadable
from adapters.stores.sql.types import among, in_seconds, insert_into, new_id
from conversation.messages import storable
from conversation.turns import OpenTurns

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from adapters.stores.sql.batch import Run
    from adapters.stores.sql.database import Database
    from adapters.stores.sql.gathering import Seen
    from adapters.stores.sql.statements import Connection
    from conversation.errors import LeaseLost
    from conversation.messages import Message
    from conversation.turns import Backlog, Claim, Ending, ParkedTurn, Receipt


_LIMITS = OpenTurns()


class SqlInbox:
    """``conversation.ports.Inbox`` on SQLite and PostgreSQL. Calls that come together share one transaction."""

    def __init__(self, database: Database, limits: OpenTurns = _LIMITS, arrived: Seen = nobody) -> None:
        """``arrived`` is called with the receipt as soon as others can see what was put, before ``put`` returns: on
        SQLite a worker may claim it while the disk still writes.
        """
        self._database = database
        self._arrived = arrived
        self._put = partial(put, counts=OpenCounts(limits))
        self._claim = partial(claims.claim, line=Line())

    async def put(self, message: Message, command: str | None = None) -> Receipt:
        """Store the message and its turn; return after the commit."""
        step = Step(self._put, Arrival(message, command), key=message.conversation)
        receipt: Receipt = await self._write(step, seen=self._arrived)
        return receipt

    async def put_unreadable(self, platform: str, workspace: str, raw: str, reason: str) -> None:
        """Keep what could not be read, once."""
        raw = storable(raw)
        digest = hashlib.sha256(raw.encode()).hexdigest()
        row = {"platform": platform, "workspace": workspace, "digest": digest, "raw": raw, "reason": storable(reason)}
        async with self._database.writing() as connection:
            await connection.execute(
                insert_into(connection, unreadable).values(id=new_id(), **row).on_conflict_do_nothing()
            )

    async def stop_answers_to(self, person: str, platform: str, workspace: str, channel: str) -> tuple[str, ...]:
        """Ask all open turns of this person in this channel to stop."""
        rooms = select(conversations.c.id).filter_by(platform=platform, workspace=workspace, channel=channel)
        asked = select(messages.c.turn_id).where(messages.c.author_id == person, messages.c.turn_id == turns.c.id)
        async with self._database.writing() as connection:
            waiting = rooms.where(conversations.c.waiting_since.isnot(None)).order_by(conversations.c.id)
            ids = (await connection.execute(waiting.with_for_update())).scalars().all()
            return await request_stop(connection, ids, asked.exists())

    async def claim(
        self,
        worker: str,
        lease_seconds: float,
        platforms: Collection[str],
        conversation_id: str | None = None,
        *,
        quick_only: bool = False,
    ) -> Claim | None:
        """The oldest turn of the conversation that is next in the line (``Line``), or None."""
        wanted = Wanted(worker, lease_seconds, tuple(sorted(platforms)), conversation_id, quick_only)
        # A power cut ends its holder too: a claim need not survive one.
        granted: Claim | None = await self._write(Step(self._claim, wanted, last=True), lasting=False)
        return granted

    async def renew(self, claim: Claim, lease_seconds: float) -> bool:
        """Hold the conversation longer; returns whether a stop was asked for."""
        return bool(await self._about(claim, _renew, (claim, lease_seconds)))

    async def sending(self, claim: Claim, part: int) -> str:
        """Note a message that is about to be sent."""
        return str(await self._about(claim, endings.sending, endings.Sending(claim, part)))

    async def sent(self, claim: Claim, send_id: str, message_id: str) -> None:
        """Note what became of it."""
        await self._about(claim, endings.sent, endings.Sent(claim, send_id, message_id))

    async def decide(self, claim: Claim, ending: Ending, failure: str | None = None) -> None:
        """Commit how the turn ends."""
        failure = storable(failure) if failure else None
        await self._about(claim, endings.decide, endings.Decision(claim, ending, failure))

    async def shown(self, claim: Claim, greeted: str | None = None) -> None:
        """The turn is over, and was seen."""
        await self._about(claim, endings.over, endings.Over(claim, greeted))

    async def undeliverable(self, claim: Claim, reason: str) -> None:
        """The turn is over, and nobody will see it."""
        await self._about(claim, endings.over, endings.Over(claim, None, "undeliverable", storable(reason)))

    async def fail(self, claim: Claim, reason: str, pause_seconds: float) -> None:
        """Count a failure; the turn goes on after the pause."""
        await self._about(claim, endings.free, endings.Freed(claim, pause_seconds, storable(reason)))

    async def hand_back(self, claim: Claim, pause_seconds: float = 0) -> None:
        """Free the conversation; nothing failed."""
        await self._about(claim, endings.free, endings.Freed(claim, pause_seconds))

    async def _about(self, claim: Claim, run: Run, item: object) -> Any:
        """Write to the claim's conversation."""
        return await self._write(Step(run, item, claim.conversation_id))

    async def _write(self, step: Step, *, lasting: bool = True, seen: Seen = nobody) -> Any:
        """One transaction with whatever else waits to be written."""
        return await self._database.write(carry_out, step, lasting=lasting, seen=seen)

    async def open_turns(self, conversation_id: str | None = None) -> int:
        """How many turns are not over."""
        query = select(func.count()).select_from(turns).where(WAITING)
        if conversation_id is not None:
            query = query.where(turns.c.conversation_id == conversation_id)
        async with self._database.reading() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def backlog(self) -> Backlog:
        """What waits, by the database's clock."""
        async with self._database.reading() as connection:
            return await aside.backlog(connection)

    async def parked(self) -> Sequence[ParkedTurn]:
        """The turns that were put aside, oldest first."""
        async with self._database.reading() as connection:
            return await aside.parked(connection)

    async def retry(self, turn_id: str) -> bool:
        """Open a parked turn again."""
        async with self._database.writing() as connection:
            return await aside.retry(connection, turn_id)

    async def take_back_leases(self) -> None:
        """End every lease, at the start of the only worker there is (SQLite): its predecessor is dead.

        Whoever claims them takes over: a call of the predecessor's may still land.
        """
        async with self._database.writing() as connection:
            await connection.execute(
                update(conversations)
                .where(conversations.c.lease_ends.isnot(None), conversations.c.platform != "console")
                .values(lease_ends=in_seconds(-1))
            )


_RENEWED = claims.holding(lease_ends=in_seconds(bindparam("seconds", type_=Float)))
_STOPPED = prepared(select(turns.c.id).where(among(turns.c.id, "turns"), turns.c.stop_requested_at.isnot(None)))


async def _renew(connection: Connection, items: Sequence[tuple[Claim, float]]) -> list[bool | LeaseLost]:
    longest = float(max(seconds for _, seconds in items))
    lost = await claims.held(connection, [claim for claim, _ in items], _RENEWED, {"seconds": longest})
    found = await connection.execute(_STOPPED, {"turns": [claim.turn_id for claim, _ in items]})
    asked = set(found.scalars())
    return [error or claim.turn_id in asked for error, (claim, _) in zip(lost, items, strict=True)]
