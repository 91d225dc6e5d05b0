"""Telegram and Slack say 429 and 500, and cut connections before and after they did what they were asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adapters.standins.slack.faults import FaultKind as OnSlack
from adapters.standins.telegram.faults import FaultKind as OnTelegram
from tests.faults.load import Size, ask
from tests.faults.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.crowds import Crowd
    from tests.faults.stage import Stage

# Polling rests after trouble, so it is not troubled as often as the others.
_TELEGRAMS_METHODS = (*("sendMessage", "editMessageText", "editMessageText", "sendChatAction") * 5, "getUpdates")
_TELEGRAMS_KINDS = (
    OnTelegram.TOO_MANY_REQUESTS,
    OnTelegram.SERVER_ERROR,
    OnTelegram.BAD_GATEWAY,
    OnTelegram.SERVER_ERROR_AFTER,
    OnTelegram.RESET_BEFORE,
    OnTelegram.RESET_AFTER,
    OnTelegram.SLOW,
)
_SLACKS_METHODS = ("chat.postMessage", "chat.startStream", "chat.appendStream", "chat.stopStream", "chat.update")
_SLACKS_KINDS = (
    OnSlack.RATELIMITED,
    OnSlack.SERVER_ERROR,
    OnSlack.SERVER_ERROR_AFTER,
    OnSlack.RESET_BEFORE,
    OnSlack.RESET_AFTER,
    OnSlack.SLOW,
)
_PAUSES = (1, 2, 3)


async def telegram_fails(stage: Stage) -> None:
    """A call in ten or so goes wrong, polling included."""

    def fail() -> None:
        method, kind = stage.chance.choice(_TELEGRAMS_METHODS), stage.chance.choice(_TELEGRAMS_KINDS)
        stage.telegram.fail_next(method, kind, seconds=stage.chance.choice(_PAUSES))

    await _fails(stage, stage.on_telegram(), fail, pause=0.15)


async def slack_fails(stage: Stage) -> None:
    """The same over HTTP. Slack's own pace makes this one slow."""

    def fail() -> None:
        method, kind = stage.chance.choice(_SLACKS_METHODS), stage.chance.choice(_SLACKS_KINDS)
        stage.slack.fail_next(method, kind, seconds=stage.chance.choice(_PAUSES))

    await _fails(stage, stage.on_slack(), fail, pause=1.5)


async def _fails(stage: Stage, crowd: Crowd, fail: Callable[[], None], pause: float) -> None:
    """``fail`` lets one more call go wrong."""

    async def again_and_again() -> None:
        while True:
            await asyncio.sleep(stage.chance.uniform(0, 2 * pause))
            fail()

    async with stage.processes() as fleet:
        await fleet.ready()
        failing = asyncio.create_task(again_and_again())
        await ask(crowd, stage.size)
        failing.cancel()
        await asyncio.gather(failing, return_exceptions=True)
        await stage.settled()


SCENARIOS = (
    Scenario("Telegram fails", telegram_fails, "sqlite", Size(200, 5, 50), Size(8, 2, 5)),
    Scenario("Slack fails", slack_fails, "postgresql", Size(12, 3, 40), Size(4, 1, 4)),
)
