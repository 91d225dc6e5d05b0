from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.test_platforms import on_telegram
from tests.support.service import until_over
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI
    from conversation.turns import Exchange


async def test_where_nothing_was_said_before_no_history_is_read(
    telegram: StandInTelegram, tgi: StandInTGI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = telegram.private(ASKER)
    read: list[int] = []
    async with on_telegram(telegram, "polling", f"sqlite:///{tmp_path / 'plausch.sqlite3'}", tgi) as service:
        window = service.store.window

        async def noted(conversation_id: str, since: int, before: int) -> Sequence[Exchange]:
            read.append(before)
            return await window(conversation_id, since, before)

        monkeypatch.setattr(service.store, "window", noted)
        telegram.say(chat, "Hallo!", ASKER)
        await until_over(service)
        assert not read
        telegram.say(chat, "Und jetzt?", ASKER)
        await until_over(service, 2)
        assert read
