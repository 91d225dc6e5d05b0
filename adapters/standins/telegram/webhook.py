"""Updates by webhook: in order for each queue, again and again until somebody takes them (WebhookActor.cpp)."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.standins.telegram.changes import Changes
    from adapters.standins.telegram.updates import Update, UpdateLog

LONGEST_PAUSE = 60
LONGEST_RETRY_AFTER = 3600
IDLE_SECONDS = 60
HUNG_UP = 0


@dataclass(frozen=True, slots=True)
class Webhook:
    """What ``setWebhook`` set."""

    url: str
    secret: str = ""
    max_connections: int = 40


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt; status 0 where the other side hung up or was not there."""

    update_id: int
    attempt: int
    status: int


class WebhookDelivery:
    """Delivers while a webhook is set. A pause of n stands for n times ``retry_unit`` seconds."""

    def __init__(self, log: UpdateLog, changes: Changes, now: Callable[[], float], retry_unit: float) -> None:
        self._log = log
        self._changes = changes
        self._now = now
        self._retry_unit = retry_unit
        self._queues: dict[str, deque[Update]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._free = asyncio.Semaphore()
        self._twice = 0
        self.webhook: Webhook | None = None
        self.deliveries: list[Delivery] = []
        self.last_error = ""
        self.last_error_at = 0.0
        log.on_new = self._offer

    async def set(self, webhook: Webhook | None) -> None:
        """Deliver what waits and what comes there, or nowhere. Awaits the end of deliveries under way."""
        self.webhook = None  # what comes meanwhile waits
        await self._stop()
        self.webhook = webhook
        self.last_error = ""
        if webhook is None:
            return
        self._free = asyncio.Semaphore(webhook.max_connections)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=IDLE_SECONDS), trust_env=False)
        for update in self._log.pending:
            self._offer(update)

    def deliver_twice(self, times: int = 1) -> None:
        """Deliver so many of the next updates again after they were taken, as happens now and then."""
        self._twice += times

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._queues.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _offer(self, update: Update) -> None:
        if self.webhook is None:
            return
        if update.queue in self._queues:
            self._queues[update.queue].append(update)
            return
        self._queues[update.queue] = deque([update])
        task = asyncio.create_task(self._work_off(update.queue))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work_off(self, name: str) -> None:
        queue = self._queues[name]
        while queue:
            await self._deliver(queue[0])
            queue.popleft()
        del self._queues[name]

    async def _deliver(self, update: Update) -> None:
        """Until it is taken, or a day old."""
        attempt = 1
        while True:
            status, retry_after = await self._attempt(update, attempt)
            if status // 100 == 2 and not self._takes_again():  # noqa: PLR2004 - the class of successes
                break
            pause = 0 if status // 100 == 2 else retry_after or _pause(attempt)  # noqa: PLR2004 - the same
            if self._now() + pause > update.expires_at:
                break
            attempt += 1
            await asyncio.sleep(pause * self._retry_unit)
        self._log.forget(update.update_id)

    def _takes_again(self) -> bool:
        if not self._twice:
            return False
        self._twice -= 1
        return True

    async def _attempt(self, update: Update, attempt: int) -> tuple[int, int]:
        """The status and the pause asked for, in seconds."""
        async with self._free:
            try:
                status, retry_after = await self._post(update)
            except (aiohttp.ClientError, TimeoutError):
                status, retry_after = HUNG_UP, 0
        if status // 100 != 2:  # noqa: PLR2004 - the class of successes
            self.last_error = f"Wrong response from the webhook: {status}" if status else "Webhook connection closed"
            self.last_error_at = self._now()
        self.deliveries.append(Delivery(update.update_id, attempt, status))
        self._changes.tick()
        return status, retry_after

    async def _post(self, update: Update) -> tuple[int, int]:
        if self.webhook is None or self._session is None:
            return HUNG_UP, 0
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.webhook.secret} if self.webhook.secret else {}
        async with self._session.post(
            self.webhook.url, json=update.as_json(), headers=headers, allow_redirects=False
        ) as answer:
            wanted = answer.headers.get("Retry-After", "")
            return answer.status, min(int(wanted), LONGEST_RETRY_AFTER) if wanted.isdecimal() else 0


def _pause(attempt: int) -> int:
    """At once, then 2, 4, 8 …; the real server draws the longest from 60 to 120."""
    return 0 if attempt == 1 else min(LONGEST_PAUSE, 2 ** min(attempt - 1, 10))
