"""What the log gives away when much goes wrong: nothing that opens doors, and no word of anybody's."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import aiohttp

from adapters.standins.script import pieces
from adapters.standins.slack.wire import envelope
from adapters.standins.telegram.faults import FaultKind
from adapters.standins.tgi import StandInTGI
from tests.support.processes import plausch_run
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.standins.slack import StandInSlack
    from adapters.standins.telegram.server import StandInTelegram
    from tests.support.slack import Room


async def test_no_trouble_writes_a_secret_or_a_persons_words_into_the_log(
    slack: StandInSlack, room: Room, telegram: StandInTelegram, tmp_path: Path
) -> None:
    async with StandInTGI(key="hf_geheimer_schluessel") as tgi:
        tgi.reply = lambda _: pieces("Dornröschen schläft.")
        settings = {
            "database_url": f"sqlite:///{tmp_path / 'plausch.sqlite3'}",
            "model_server": "tgi",
            "model_url": tgi.url,
            "model_key": tgi.key or "",
            "log_level": "debug",
            "slack_bot_token": slack.bot_token,
            "slack_signing_secret": slack.signing_secret,
            "slack_api_url": slack.api_url,
            "telegram_token": telegram.token,
            "telegram_api_url": telegram.api_url,
        }
        telegram.fail_next("getUpdates", FaultKind.BAD_GATEWAY)
        telegram.fail_next("editMessageText", FaultKind.BAD_REQUEST, text="can't parse entities: Dornröschen")
        async with plausch_run(tmp_path, settings) as process:
            slack.events_url = f"{process.address}/slack/events"
            await process.ready()
            slack._deliveries.send_event(
                envelope(slack._workspace, {"type": "message", "channel": "D1", "text": "Rumpelstilzchen"})
            )
            await slack.say(room.direct, "Rumpelstilzchen", room.person)
            telegram.say(ASKER, "Rumpelstilzchen")
            telegram._world.updates.add("message", {"text": "Rumpelstilzchen"}, "chat 1")
            await slack.wait_for(lambda: "schläft" in str([line.text for line in slack.lines(room.direct)]), within=20)
            await telegram.wait_for_message(ASKER, lambda message: "schläft" in message.text, within=20)
            async with aiohttp.ClientSession() as http, http.post(slack.events_url, data=b"{") as response:
                assert response.status == 401
            process.process.send_signal(signal.SIGTERM)
            assert await process.ended() == 0

    written = process.log.read_text()
    assert "could not be read" in written
    secrets = [
        slack.bot_token,
        slack.signing_secret,
        telegram.token,
        telegram.token.partition(":")[2],
        settings["model_key"],
    ]
    for word in (*secrets, "Rumpelstilzchen", "Dornr", "schläft"):
        assert word not in written, word
