"""Questions over time: how many, by whom, how fast."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.crowds import Crowd


@dataclass(frozen=True, slots=True)
class Size:
    """So many people ask so many questions ``each``, evenly over so many seconds (0: all at once)."""

    people: int
    each: int = 1
    seconds: float = 0.0

    @property
    def messages(self) -> int:
        """All questions."""
        return self.people * self.each


async def ask(crowd: Crowd, size: Size) -> None:
    """Let the crowd ask everything; each person's questions one after the other."""
    async with asyncio.TaskGroup() as people:
        for person in range(size.people):
            people.create_task(_person(crowd, size, person))


async def _person(crowd: Crowd, size: Size, person: int) -> None:
    gap = size.seconds / size.each
    clock = asyncio.get_running_loop().time
    began = clock() + gap * person / size.people
    for number in range(size.each):
        await asyncio.sleep(max(0.0, began + number * gap - clock()))
        await crowd.ask(person, number)
