"""Whether a long conversation costs more than a short one: the time for window and prompt.

Short: the tenth turn of conversations of 10 messages, whose prompts just fit the budget. Long: turns of a conversation
that has 10,000 messages by then, the last of which went the service's own way, so that it is known where its window was
last cut. Texts are alike in both, and were counted in the turn that brought them, as in the service.
"""

from __future__ import annotations

import statistics
import tempfile
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from adapters.stores.sql.rows import message_values
from adapters.stores.sql.tables import answers, conversations, messages, turns
from adapters.stores.sql.types import in_seconds, new_id
from benchmarks.history import History
from benchmarks.measured import measured
from tests.support.databases import opened
from tests.support.words import question

if TYPE_CHECKING:
    from benchmarks.measured import Progress, Result
    from conversation.messages import ConversationKey

SHORT = 10
LONG = 10_000
SETTLING = 10
"""The last turns of the long conversation before it is measured; the first of them cuts its window."""
QUESTION = "Warum läuft die Pumpe im Keller seit gestern so laut, und was soll ich zuerst prüfen?"
ANSWER = "Prüfe zuerst den Filter; ist er sauber, dann sitzt der Fehler eher im Lager oder am Motor. " * 4
ROWS_AT_ONCE = 500
NEARLY = 32
"""Tokens."""


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``window_ratio``, on SQLite."""
    rounds, length = (5, LONG // 10) if quick else (50, LONG)
    short: list[float] = []
    long: list[float] = []
    with tempfile.TemporaryDirectory(prefix="plausch-bench-") as folder:
        async with opened(f"sqlite:///{folder}/plausch.sqlite3") as database:
            history = History(database, await _budget(History(database, 1 << 20)))
            endless = await _long(history, length - SETTLING)
            for _ in range(SETTLING):
                await _turn(history, endless)
            for number in range(rounds):
                progress(number / rounds, f"{length} messages")
                short.append(await _short(history))
                long.append(await _turn(history, endless))
    raw = {"long_ms": statistics.median(long) * 1000, "short_ms": statistics.median(short) * 1000}
    runs = [one / other for one, other in zip(long, short, strict=True)]
    return [measured("window_ratio", statistics.median(long) / statistics.median(short), raw, runs)]


async def _turn(history: History, key: ConversationKey) -> float:
    return (await history.turn(key, QUESTION, ANSWER)).seconds


async def _short(history: History) -> float:
    """How long the last turn of a new conversation takes."""
    key = history.begin()
    for _ in range(SHORT - 1):
        await _turn(history, key)
    return await _turn(history, key)


async def _budget(roomy: History) -> int:
    """Nearly the smallest budget at which the tenth turn still has all that was said before in its prompt."""
    fits, too_small = 4096, 0
    while fits - too_small > NEARLY:
        budget = (fits + too_small) // 2
        history = History(roomy.database, budget)
        key = roomy.begin()
        cut = [(await history.turn(key, QUESTION, ANSWER)).prompt.cut for _ in range(SHORT)][-1]
        fits, too_small = (budget, too_small) if cut == 1 else (fits, budget)
    return fits


async def _long(history: History, length: int) -> ConversationKey:
    """A conversation of so many turns, written into the tables: its window was never cut."""
    key = history.begin()
    await _turn(history, key)
    async with history.database.writing() as connection:
        found = select(conversations.c.id).filter_by(thread=key.thread)
        room = str((await connection.execute(found)).scalar_one())
        for first in range(2, length + 1, ROWS_AT_ONCE):
            positions = range(first, min(first + ROWS_AT_ONCE, length + 1))
            rows = [(position, new_id()) for position in positions]
            over = {"conversation_id": room, "state": "shown"}
            await connection.execute(
                insert(turns).values(arrived_at=in_seconds(), decided_at=in_seconds(), shown_at=in_seconds()),
                [over | {"id": turn, "position": position} for position, turn in rows],
            )
            of_turn = [{"id": new_id(), "conversation_id": room, "turn_id": turn} for _, turn in rows]
            asked = [one | message_values(question(QUESTION, key)) for one in of_turn]
            await connection.execute(insert(messages), asked)
            await connection.execute(insert(answers), [one | _ANSWERED for one in of_turn])
        await connection.execute(update(conversations).filter_by(id=room).values(next_position=length + 1))
    return key


_ANSWERED = {
    "revision": 1,
    "kind": "answer",
    "text": ANSWER,
    "lead": "",
    "trail": "",
    "model": "bench",
    "profile": "em-german",
    "system_prompt": "",
    "sampling": {},
    "prompt_digest": "",
    "cut": 1,
    "attempts": 1,
}
