from __future__ import annotations

import json
import sys

from adapters.platforms.originals import as_it_came


async def test_an_event_is_kept_in_its_own_order_and_letters() -> None:
    assert await as_it_came({"z": "Größe", "a": [1, None]}) == '{"z": "Größe", "a": [1, null]}'


async def test_whatever_could_be_read_can_be_kept() -> None:
    deepest = 0
    for depth in range(sys.getrecursionlimit() // 2, sys.getrecursionlimit() + 10):
        raw = "[" * depth + "]" * depth
        try:
            event = json.loads(raw)
        except RecursionError:
            break
        # Called from where more of the stack is in use than when it was read.
        assert await _deeper(event) == raw
        deepest = depth
    assert deepest


async def _deeper(event: object, steps: int = 5) -> str:
    return await (_deeper(event, steps - 1) if steps else as_it_came(event))
