"""The same as ``answers`` on Slack: 200 people write in direct chats of their own, events come signed over HTTP.

Slack lets a workspace begin 20 streams a minute and change 50 messages: at that pace 200 answers take five minutes.
What one costs is asked here, so the stand-in has no limits, and the service paces each answer as if it were the only
one in its workspace (``benchmarks.unpaced``): a stream, its first words at once, the rest at most every 0.8 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.standins.slack import StandInSlack
from benchmarks.answers import CHATS, QUESTION, WHOLE, played, result
from benchmarks.desk import model_server
from benchmarks.processes import service

if TYPE_CHECKING:
    from benchmarks.measured import Progress, Result

UNPACED = "benchmarks.unpaced"


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``slack_answers_per_cpu_s``."""
    progress(0, "starting")
    async with StandInSlack(rates={}) as slack, model_server(CHATS) as model:
        settings = {
            "slack_bot_token": slack.bot_token,
            "slack_signing_secret": slack.signing_secret,
            "slack_api_url": slack.api_url,
            "model_server": "tgi",
            "model_url": model.url,
            "answers_at_once": str(CHATS),
        }
        async with service(settings, module=UNPACED) as ours:
            await ours.ready()
            slack.events_url = f"{ours.address}/slack/events"
            rounds = await played(ours, lambda number: _round(slack, number), progress, quick=quick)
        calls = len(slack.calls) / CHATS / (len(rounds) + 1)
    return [result("slack_answers_per_cpu_s", rounds, calls)]


async def _round(slack: StandInSlack, number: int) -> None:
    """People who never wrote before ask; returns when all of them have read the whole answer."""
    people = [slack.add_person(f"Person {number} {each}") for each in range(CHATS)]
    rooms = {slack.direct(person): person for person in people}
    waiting = set(rooms)
    changes = slack.changes()
    for room, person in rooms.items():
        await slack.say(room, QUESTION, person, wire=True)
    async for change in changes:
        if WHOLE in change.text:
            waiting.discard(change.channel)
        if not waiting:
            return
