"""What one scenario plays on: stand-ins, a database, processes of the service, and the people who ask."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adapters.standins.script import pieces
from adapters.standins.slack import StandInSlack
from adapters.standins.telegram.server import StandInTelegram
from adapters.standins.telegram.world import Tuning
from adapters.standins.tgi import StandInTGI
from adapters.standins.tgi_validation import TGILimits
from adapters.stores.sql.database import Database
from tests.faults.crowds import SlackCrowd, TelegramCrowd
from tests.faults.fleet import Fleet
from tests.faults.load import ask
from tests.faults.logged import busiest, logged, over
from tests.faults.transcript import Account, marks_in
from tests.support.fault_proxy import FaultProxy

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.faults.crowds import Crowd
    from tests.faults.load import Size

# Nothing has moved for so long: what is not over now never will be. Longer than a lease, the time limit of a platform's
# call that a successor waits out, and Slack's pace together.
_PATIENCE = 90.0
_LOOK_EVERY = 0.25
_AT_ONCE = 2_000
# No limit of open turns gets in a scenario's way unless it is about that.
_NO_LIMITS = {"open_turns_conversation": "100000", "open_turns_workspace": "100000", "open_turns": "100000"}


@dataclass(slots=True)
class Stage:
    """Made by ``staged``. A scenario takes crowds from it, starts processes, lets them be asked, and breaks things."""

    size: Size
    folder: Path
    database_url: str
    database: Database
    chance: random.Random
    telegram: StandInTelegram
    slack: StandInSlack
    tgi: StandInTGI
    door: FaultProxy
    """Stands before the web servers of all processes, as a load balancer does."""
    crowds: list[Crowd] = field(default_factory=list)
    entrance: str = ""
    """Where platforms send events to; the door, unless a scenario puts something before it."""
    more_settings: dict[str, str] = field(default_factory=dict)
    noted: dict[str, tuple[str, ...]] = field(default_factory=dict)

    # ── who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def on_telegram(self, *, webhook: bool = False) -> TelegramCrowd:
        """People on Telegram; the service polls or gets a webhook."""
        crowd = TelegramCrowd(self.telegram, self._salt(), webhook=webhook)
        self.crowds.append(crowd)
        return crowd

    def on_slack(self, *, socket: bool = False) -> SlackCrowd:
        """People on Slack; events come over HTTP or by Socket Mode."""
        crowd = SlackCrowd(self.slack, self._salt(), socket=socket)
        self.crowds.append(crowd)
        return crowd

    def _salt(self) -> str:
        return f"{self.chance.getrandbits(16):04x}"

    @property
    def asked(self) -> int:
        """How many questions were asked so far."""
        return sum(crowd.count for crowd in self.crowds)

    # ── who answers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def processes(self, count: int = 1, *, deaths: Sequence[str] = (), role: str = "all") -> Fleet:
        """Processes of the service for all crowds so far. See ``Fleet``."""
        settings = {
            "database_url": self.database_url,
            "model_server": "tgi",
            "model_url": self.tgi.url,
            "drain_seconds": "20",
            **_NO_LIMITS,
            **self.more_settings,
        }
        for crowd in self.crowds:
            settings |= crowd.settings(self.entrance or self.door.url)
        return Fleet(self.folder, settings, self.door, count, deaths, role)

    # ── how it goes ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def over(self) -> int:
        """How many turns are over."""
        return await over(self.database)

    async def settled(self, patience_seconds: float = _PATIENCE) -> None:
        """Wait until every question that was asked is over, or nothing has moved for so long."""
        clock = asyncio.get_running_loop().time
        done, moved = await self.over(), clock()
        while done < self.asked and clock() - moved < patience_seconds:
            await asyncio.sleep(_LOOK_EVERY)
            now = await self.over()
            if now != done:
                done, moved = now, clock()

    async def ask_all(self, crowd: Crowd) -> None:
        """Let the crowd ask as much as the scenario's size says, and wait until all of it is over."""
        await ask(crowd, self.size)
        await self.settled()

    async def note_endings(self) -> None:
        """Remember how turns ended by now: from here on these endings must stay as they are."""
        for turn in await logged(self.database):
            if turn.parts:
                self.noted.setdefault(turn.turn_id, turn.parts)

    async def busiest(self) -> str:
        """The worker that holds the most conversations, once one holds any."""
        async with asyncio.timeout(_PATIENCE):
            while not (found := await busiest(self.database)):  # noqa: ASYNC110 - a database has no events for us
                await asyncio.sleep(_LOOK_EVERY)
        return found

    async def account(self) -> Account:
        """Everything, once it is over."""
        return Account(
            asked=tuple(question for crowd in self.crowds for question in crowd.asked()),
            seen=tuple(seen for crowd in self.crowds for seen in crowd.seen()),
            logged=await logged(self.database),
            noted=self.noted,
            can_find=frozenset(one.conversation for crowd in self.crowds if crowd.can_find for one in crowd.asked()),
        )


class Model:
    """What the stand-in model says: it names the newest question's mark, and how often it was asked about it."""

    def __init__(self, words: int = 12) -> None:
        self._filler = " ".join(["weiter"] * words)
        self.times: Counter[str] = Counter()

    def __call__(self, prompt: str) -> list[str]:
        mark = marks_in(prompt)[-1]
        self.times[mark] += 1
        return pieces(f"Zu {mark} weiß ich dies, Fassung {self.times[mark]}: {self._filler}.")


@contextlib.asynccontextmanager
async def staged(size: Size, folder: Path, database_url: str, chance: random.Random) -> AsyncIterator[Stage]:
    """Everything open, nobody there yet. The database is up to date."""
    limits = TGILimits(max_concurrent_requests=_AT_ONCE)
    tuning = Tuning(retry_unit=0.1, patience=0.1, privacy_mode=False)
    async with (
        contextlib.aclosing(Database(database_url)) as database,
        StandInTelegram(tuning=tuning) as telegram,
        # Slack's own limits are kept by the service; redeliveries come after 0, 3 and 15 s.
        StandInSlack(rates={}, retry_scale=0.05) as slack,
        StandInTGI(Model(), limits=limits) as tgi,
        FaultProxy() as door,
    ):
        tgi.pace.seconds = 0.003
        yield Stage(size, folder, database_url, database, chance, telegram, slack, tgi, door)
