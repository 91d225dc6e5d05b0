"""The terminal as a platform."""

from __future__ import annotations

from adapters.platforms.frames import Framed
from conversation.places import Capabilities


class Console(Framed):
    """Whoever sits at a terminal: delivery writes frames to ``Signals``, the session that asked reads them there."""

    name = "console"
    capabilities = Capabilities(durable_sends=False, can_reach_again=False)
