"""What came from a platform, as text to be kept where it can't be read."""

from __future__ import annotations

import asyncio
import json


async def as_it_came(event: object) -> str:
    """The event as JSON again, whatever it holds."""
    try:
        return json.dumps(event, ensure_ascii=False)
    except RecursionError:
        # It is nested as deeply as could just be read, and there was more stack left then than there is now. A thread
        # begins with an empty one.
        return await asyncio.to_thread(json.dumps, event, ensure_ascii=False)
