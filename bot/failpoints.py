"""Named steps of a message's way at which a test may kill the process. Off unless ``PLAUSCH_FAILPOINT`` names one."""

from __future__ import annotations

import os
import signal

RECEIVED = "received"
"""Before the message's commit."""
STORED = "stored"
"""After the commit, before the platform is acknowledged."""
PLACEHOLDER = "placeholder"
"""The placeholder stands and its id is stored."""
SENT = "sent"
"""A message was sent, its id is not stored yet."""
DECIDED = "decided"
"""The ending is committed and not shown yet."""
SHOWN = "shown"
"""The person sees the ending, which is not committed yet."""

_armed = os.environ.get("PLAUSCH_FAILPOINT", "")


def reach(step: str) -> None:
    """Die here, as by kill −9, if this step is the armed one."""
    if step == _armed:
        os.kill(os.getpid(), signal.SIGKILL)
