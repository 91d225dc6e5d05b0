"""What tests do with an inbox, in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.words import answer

if TYPE_CHECKING:
    from adapters.stores.sql.inbox import SqlInbox
    from conversation.turns import Claim, Ending


async def claimed(inbox: SqlInbox, worker: str = "first") -> Claim:
    """The claim of what is there to be claimed."""
    claim = await inbox.claim(worker, 30, ["web"])
    assert claim is not None
    return claim


async def ended(inbox: SqlInbox, ending: Ending | None = None) -> Claim:
    """The oldest turn, claimed, decided and shown."""
    claim = await claimed(inbox)
    await inbox.decide(claim, ending or answer())
    await inbox.shown(claim)
    return claim
