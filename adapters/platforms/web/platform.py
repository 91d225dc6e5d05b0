from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adapters.platforms.frames import Framed
from adapters.platforms.in_time import InTime
from adapters.platforms.web.guard import Guard
from adapters.platforms.web.routes import Chat
from conversation.places import Capabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from conversation.ports import ConversationStore, Intake, Signals

# So long a person waits for what was sent to be stored; the page says then that it can't be.
_STORED_SECONDS = 10.0


class Web(Framed):
    """The web page as a platform: delivery writes numbered frames to ``Signals``, each open page reads them there.

    ``open_to_others``: without it only this machine's own browser is answered (see ``Guard``). ``framed_by``: origins
    that may show the page in a frame, as ``http://127.0.0.1:8701``.
    """

    name = "web"
    capabilities = Capabilities(durable_sends=False)

    def __init__(
        self,
        signals: Signals,
        store: ConversationStore,
        *,
        open_to_others: bool = False,
        framed_by: Sequence[str] = (),
    ) -> None:
        super().__init__(signals)
        self._store = store
        self._guard = Guard(open_to_others=open_to_others, framed_by=tuple(framed_by))
        self._closing = asyncio.Event()

    def routes(self, intake: Intake) -> list[BaseRoute]:
        """The page, its assets and its part of ``/api/v1``, for an application to include."""
        return Chat(InTime(intake, _STORED_SECONDS), self._store, self._signals, self._guard, self._closing).routes()

    def close(self) -> None:
        """End all event streams, which would else hold up a server that drains; pages come back by themselves."""
        self._closing.set()
