from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import event

from tests.e2e.test_platforms import on_telegram
from tests.support.service import until_over
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI


async def test_where_nothing_was_said_before_no_history_is_read(
    telegram: StandInTelegram, tgi: StandInTGI, tmp_path: Path
) -> None:
    chat = telegram.private(ASKER)
    read: list[str] = []
    async with on_telegram(telegram, "polling", f"sqlite:///{tmp_path / 'plausch.sqlite3'}", tgi) as service:

        @event.listens_for(service.database.engine.sync_engine, "before_cursor_execute")
        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if "turns.position BETWEEN" in statement:
                read.append(statement)

        telegram.say(chat, "Hallo!", ASKER)
        await until_over(service)
        assert not read
        telegram.say(chat, "Und jetzt?", ASKER)
        await until_over(service, 2)
        assert read
