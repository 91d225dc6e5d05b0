"""An answer on its way to Slack, and what may go wrong: each part is there once, in order, and no stream stays."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from itertools import product
from typing import TYPE_CHECKING

import pytest

from adapters.platforms.slack import calls
from adapters.standins.slack import FaultKind
from bot import delivery as bot_delivery
from bot import failpoints
from conversation.errors import OutcomeUnknown, Undeliverable
from tests.support.delivering import scene_of
from tests.support.slack_desk import scene, without_streams

if TYPE_CHECKING:
    from pathlib import Path

    from conversation.places import Place
    from tests.support.delivering import Scene as Turn
    from tests.support.slack_desk import Scene

TEXTS = {1: "Es ist zwölf Uhr.", 3: "".join(f"{number}. {'Wort ' * 60}\n\n" for number in range(90))}
LATE_SECONDS = 0.25
METHODS = [
    "chat.startStream",
    "chat.appendStream",
    "chat.stopStream",
    "chat.postMessage",
    "chat.update",
    "conversations.replies",
]
KINDS = [kind for kind in FaultKind if kind is not FaultKind.ERROR]


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_delivery, "_FIRST_RETRY", 0)
    monkeypatch.setattr(bot_delivery, "_LONGEST_PAUSE", 0)
    monkeypatch.setattr(calls, "TIMEOUT_SECONDS", LATE_SECONDS)


async def shown_in_the_end(at: Scene, turn: Turn, text: str, *, by_successors: bool) -> None:
    """Try until the text is shown; a successor knows nothing but what is stored."""
    async with AsyncExitStack() as successors:
        for _ in range(40):
            if await turn.attempted(text):
                return await turn.over()
            await turn.next_attempt()
            if by_successors:
                turn.platform = (await successors.enter_async_context(at.restarted())).slack
    raise AssertionError("it was never shown")


def go_wrong(at: Scene, method: str, nth: int, kind: FaultKind) -> None:
    for _ in range(nth - 1):
        at.standin.hold_next(method).release()
    at.standin.fail_next(method, kind, seconds=2 * LATE_SECONDS if kind is FaultKind.SLOW else 1)


def all_is_well(at: Scene, place: Place, text: str) -> bool:
    """Each part is there once, in order, and no stream is open."""
    parts = [part.text for part in at.slack.parts(text)]
    lines = at.ours(place)
    return [line.text for line in lines] == parts and not any(line.streaming for line in lines)


@pytest.mark.parametrize(
    ("count", "method", "calls_of_it"),
    [
        (1, "chat.startStream", 1),
        (1, "chat.appendStream", 1),
        (1, "chat.stopStream", 1),
        (1, "chat.postMessage", 1),
        (1, "chat.update", 2),
        (3, "chat.startStream", 3),
        (3, "chat.appendStream", 2),
        (3, "chat.stopStream", 3),
        (3, "chat.postMessage", 3),
        (3, "chat.update", 5),
    ],
)
async def test_each_part_is_shown_once_whatever_goes_wrong(
    count: int, method: str, calls_of_it: int, tmp_path: Path
) -> None:
    async with scene(rates={}) as at:
        place = await at.question()
        async with scene_of(at.slack, place, tmp_path) as turn:
            for kind, (nth, by_successors) in product(KINDS, [(1, True), (calls_of_it, False)]):
                at.time.now += 3600  # the budget for streams is whole again
                if method in {"chat.postMessage", "chat.update"}:
                    without_streams(at)
                go_wrong(at, method, nth, kind)
                await shown_in_the_end(at, turn, TEXTS[count], by_successors=by_successors)
                assert len(at.slack.parts(TEXTS[count])) == count
                assert all_is_well(at, turn.place, TEXTS[count]), (kind, nth)
                assert not at.standin._faults.take(method), f"call {nth} was never made"
                turn.platform = at.slack
                await turn.next_question(await at.question())


@pytest.mark.parametrize("seed", range(4))
async def test_each_part_is_shown_once_whatever_goes_wrong_one_after_another(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same schedule each time is meant
    kinds = [kind for kind in KINDS if kind is not FaultKind.SLOW]
    async with scene(rates={}) as at:
        place = await at.question()
        async with scene_of(at.slack, place, tmp_path) as turn:
            for count in (1, 3, 3):
                at.time.now += 3600
                for method in METHODS:
                    for _ in range(chance.randrange(4)):
                        go_wrong(at, method, chance.randrange(1, 3), chance.choice(kinds))
                await shown_in_the_end(at, turn, TEXTS[count], by_successors=chance.random() < 0.5)
                assert all_is_well(at, turn.place, TEXTS[count])
                turn.platform = at.slack
                await turn.next_question(await at.question())


@pytest.mark.parametrize("step", [failpoints.SENT, failpoints.PLACEHOLDER, failpoints.SHOWN])
@pytest.mark.parametrize("streams", [True, False])
async def test_a_successor_finds_what_a_killed_process_left(
    step: str, *, streams: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(reached: str) -> None:
        if reached == step:
            raise Killed

    async with scene() as at, at.restarted() as successor:
        if not streams:
            without_streams(at)
        place = await at.question()
        async with scene_of(at.slack, place, tmp_path) as turn:
            with monkeypatch.context() as patched:
                patched.setattr(failpoints, "reach", die)
                with pytest.raises(Killed):
                    await turn.attempted(TEXTS[3])
            await turn.next_attempt()
            turn.platform = successor.slack
            assert await turn.attempted("Etwas anderes.")
        assert all_is_well(at, place, "Etwas anderes.")


async def test_no_stream_stays_open_where_the_turn_ends_without_being_shown(tmp_path: Path) -> None:
    async with scene() as at, at.restarted() as successor:
        place = await at.question()
        ts = await at.slack.begin(place, "")
        async with scene_of(successor.slack, place, tmp_path) as turn:
            send_id = await turn.inbox.sending(turn.claim, 0)
            await turn.inbox.sent(turn.claim, send_id, ts)
            await turn.next_attempt()
            at.standin.fail_next("chat.update", FaultKind.ERROR, error="restricted_action_read_only_channel")
            async with turn.delivery() as delivery:
                with pytest.raises(Undeliverable):
                    await delivery.finish("Zwölf Uhr.")
        assert [line.streaming for line in at.ours(place)] == [False]


@pytest.mark.parametrize("method", ["chat.startStream", "chat.postMessage"])
async def test_a_message_that_is_sent_late_is_taken_back(method: str, tmp_path: Path) -> None:
    async with scene() as at:
        if method == "chat.postMessage":
            without_streams(at)
        place = await at.question()
        late = at.standin.hold_next(method)
        async with scene_of(at.slack, place, tmp_path) as turn, turn.delivery() as delivery:
            with pytest.raises(OutcomeUnknown):
                await delivery._sends.message(0)
            assert await delivery._sends.find(0) is None
            await delivery._sends.message(0)
            late.release()
            await at.standin.wait_for(lambda: len(at.ours(place)) == 2)
            await delivery.finish("Zwölf Uhr.")
            assert not delivery._sends.in_doubt
        assert all_is_well(at, place, "Zwölf Uhr.")


async def test_a_message_that_is_sent_late_is_taken_back_by_a_successor_too(tmp_path: Path) -> None:
    async with scene() as at:
        without_streams(at)
        place = await at.question()
        late = at.standin.hold_next("chat.postMessage")
        async with scene_of(at.slack, place, tmp_path) as turn:
            for _ in range(2):
                async with turn.delivery() as delivery:
                    at.standin.fail_next("chat.postMessage", FaultKind.RESET_BEFORE)
                    with pytest.raises(OutcomeUnknown):
                        await delivery._sends.message(0)
                await turn.next_attempt()
            async with at.restarted() as successor:
                turn.platform = successor.slack
                async with turn.delivery() as delivery:
                    await delivery._sends.message(0)
                    late.release()
                    await at.standin.wait_for(lambda: len(at.ours(place)) == 2)
                    await delivery.finish("Zwölf Uhr.")
        assert all_is_well(at, place, "Zwölf Uhr.")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_an_ending_does_not_need_is_taken_back_whatever_goes_wrong(kind: FaultKind, tmp_path: Path) -> None:
    async with scene() as at:
        place = await at.question()
        go_wrong(at, "chat.delete", 1, kind)
        async with scene_of(at.slack, place, tmp_path) as turn:
            async with turn.delivery() as delivery:
                delivery._text = lambda: TEXTS[3]
                await delivery._show_newest()
            assert len(at.ours(place)) == 3
            await turn.next_attempt()
            await shown_in_the_end(at, turn, "Kurz.", by_successors=True)
        assert all_is_well(at, place, "Kurz.")
        assert not at.standin._faults.take("chat.delete")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_is_shown_whatever_becomes_of_the_line_that_we_are_at_it(
    kind: FaultKind, tmp_path: Path
) -> None:
    async with scene() as at:
        place = await at.question()
        for method in ("agents.sessions.setStatus", "assistant.threads.setStatus"):
            for _ in range(2):
                go_wrong(at, method, 1, kind)
        async with scene_of(at.slack, place, tmp_path) as turn:
            await at.slack.typing(place)
            assert await turn.attempted("Zwölf Uhr.")
        assert all_is_well(at, place, "Zwölf Uhr.")
