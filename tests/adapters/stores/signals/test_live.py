from __future__ import annotations

from adapters.stores.signals.live import MOST_UNREAD, REMEMBERED, Live, channel_of
from adapters.stores.signals.wire import Told
from conversation.messages import ConversationKey
from conversation.turns import Frame
from tests.support.words import ROOM


async def test_what_continues_an_answer_that_nobody_knows_is_dropped() -> None:
    live = Live("w")

    assert live.grown("a", Frame("t1", 2, 5, " Uhr")) is None
    told = live.grown("a", Frame("t1", 3, 0, "Elf"))
    assert told is not None
    assert told.frame == Frame("t1", 3, 0, "Elf")
    assert live.grown("a", Frame("t2", 1, 3, " Uhr")) is None


async def test_answers_that_never_ended_do_not_pile_up() -> None:
    live = Live("w")
    for number in range(REMEMBERED + 10):
        live.grown(str(number), Frame("t1", 1, 0, "Elf"))

    assert live.under_way("9") is None
    assert live.under_way("10") == Told("w", 10, Frame("t1", 1, 0, "Elf"))


async def test_only_the_answer_that_is_not_written_any_more_is_forgotten() -> None:
    live = Live("w")
    live.grown("a", Frame("t1", 1, 0, "Elf"))
    live.grown("b", Frame("t2", 1, 0, "Zwölf"))
    live.forget("t1")

    assert live.under_way("a") is None
    assert live.under_way("b") is not None


async def test_a_page_that_does_not_read_is_ended_and_piles_up_nothing() -> None:
    live = Live("here")
    channel = channel_of(ROOM)
    with live.watching(channel, ROOM) as watcher:
        for number in range(5 * MOST_UNREAD):
            live.hand(channel, Told("there", number, Frame("t1", 2 * number, 0, "Elf")))
        waiting = watcher._queue.qsize()

        assert waiting <= MOST_UNREAD
        assert len([frame async for frame in watcher.frames()]) < MOST_UNREAD


async def test_a_late_frame_is_not_shown_after_a_newer_one_and_none_twice() -> None:
    live = Live("here")
    last = Told("w", 4, Frame("t1", 4, 0, "Elf Uhr.", last=True))
    with live.watching("a", ROOM) as watcher:
        live.hand("a", Told("w", 2, Frame("t1", 2, 3, "Elf Uhr")))
        live.hand("a", Told("w", 1, Frame("t1", 1, 0, "Elf")))
        live.hand("a", last)
        live.hand("a", last)
        live.hand("a", Told("w", 3, Frame("t1", 3, 0, "Elf Uhr?")))
        live.end_all()
        watcher.opened = True
        live.end_all()

        assert [one async for one in watcher.frames()] == [Frame("t1", 2, 0, "Elf Uhr"), last.frame]


async def test_the_end_of_one_turn_may_come_after_the_beginning_of_the_next() -> None:
    live = Live("here")
    with live.watching("a", ROOM) as watcher:
        live.hand("a", Told("w", 2, Frame("t2", 1, 0, "Neu")))
        live.hand("a", Told("w", 1, Frame("t1", 4, 0, "Elf Uhr.", last=True)))
        watcher.end()

        assert [one.turn_id async for one in watcher.frames()] == ["t2", "t1"]


async def test_an_ending_that_was_seen_is_not_told_again_by_the_store_but_another_one_is() -> None:
    live, channel = Live("here"), channel_of(ROOM)
    with live.watching(channel, ROOM) as watcher:
        live.hand(channel, Told("w", 1, Frame("t1", 4, 0, "Geht nicht.", last=True)))
        for text in ("Geht nicht.", "Elf Uhr.", "Elf Uhr."):
            live.hand_ending(ROOM, Frame("t1", 0, 0, text, last=True), watcher.begun_at)
        live.hand(channel, Told("w", 2, Frame("t2", 2, 1, "Zwei")))
        live.hand_ending(ROOM, Frame("t2", 0, 0, "Drei", last=True), watcher.begun_at)
        live.hand(channel, Told("w", 3, Frame("t2", 3, 2, "Vier")))
        watcher.end()

        # After an ending that the store told, the next frame stands alone.
        assert [one.text async for one in watcher.frames()] == ["Geht nicht.", "Elf Uhr.", "Zwei", "Drei", "Vier"]


async def test_an_ending_from_before_somebody_watched_is_not_told() -> None:
    live, channel = Live("here"), channel_of(ROOM)
    with live.watching(channel, ROOM) as watcher:
        live.hand_ending(ROOM, Frame("t1", 0, 0, "Elf Uhr.", last=True), watcher.begun_at - 0.1)
        watcher.end()

        assert [one async for one in watcher.frames()] == []


async def test_a_page_that_stays_open_forgets_old_turns() -> None:
    live = Live("here")
    with live.watching("a", ROOM) as watcher:
        for number in range(1000):
            live.hand("a", Told("w", number, Frame(f"t{number}", 1, 0, "Elf", last=True)))

    assert len(watcher._serials) < 100
    assert len(watcher._endings) < 100


async def test_who_watches_what_is_known_while_they_watch() -> None:
    live = Live("here")
    with live.watching("a", ROOM), live.watching("a", ROOM):
        assert live.channels() == ["a"]
        assert live.watched() == [ROOM]

    assert live.channels() == []


def test_every_conversation_has_a_channel_of_its_own_whose_name_postgresql_takes() -> None:
    names = {channel_of(ROOM), channel_of(ConversationKey("web", "web", "", "session-2")), channel_of(ROOM)}

    assert len(names) == 2
    assert all(len(name) < 64 for name in names)
