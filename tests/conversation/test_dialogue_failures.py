from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation.errors import (
    ModelServerOverloaded,
    ModelServerRefused,
    ModelServerUnreachable,
    PromptTooLong,
    StreamBroken,
)
from conversation.generation import Finish, FinishReason, Token
from conversation.texts import GERMAN
from conversation.turns import EndingKind
from tests.support import hostile
from tests.support.dialogues import EARLY, ScriptedModel, asked, dialogue, ending_of, pieces_and_ending, said

BROKEN = StreamBroken("gone")


async def test_a_stream_that_broke_before_anything_was_shown_is_asked_for_once_more() -> None:
    model = ScriptedModel([Token("<s>", special=True), " U", BROKEN], ["Ja."])
    pieces, ending = await pieces_and_ending(dialogue(model), asked("Kommst du?"))
    assert (pieces, ending.shown) == (["Ja."], "Ja.")
    assert (len(model.prompts), model.prompts[0], model.open_streams) == (2, model.prompts[1], 0)


async def test_the_times_are_those_of_the_stream_that_was_shown() -> None:
    model = ScriptedModel([" U", BROKEN], ["Ja."])
    record = (await ending_of(dialogue(model), asked("Kommst du?"))).record
    times = [record.requested_at, record.first_token_at, record.last_token_at]
    assert times == [EARLY + timedelta(minutes=1, seconds=seconds) for seconds in (4, 5, 5)]


async def test_a_stream_that_broke_twice_before_anything_was_shown_is_left_to_the_worker() -> None:
    model, answering = ScriptedModel([" U", BROKEN]), asked("Kommst du?")
    with pytest.raises(StreamBroken):
        await ending_of(dialogue(model), answering)
    assert (len(model.prompts), answering.pieces, model.open_streams) == (2, [], 0)


async def test_a_stream_that_broke_after_something_was_shown_leaves_a_marked_answer() -> None:
    model = ScriptedModel(["Ja, ich", " komme", BROKEN])
    pieces, ending = await pieces_and_ending(dialogue(model), asked("Kommst du?"))
    assert (pieces, ending.kind, ending.text) == (["Ja, ich", " komme"], EndingKind.ANSWER, "Ja, ich komme")
    assert (ending.trail, ending.record.finish) == (GERMAN.cut, FinishReason.CUT)
    assert len(model.prompts) == 1


async def test_what_was_held_back_when_the_stream_broke_is_shown() -> None:
    pieces, ending = await pieces_and_ending(
        dialogue(ScriptedModel(["Nimm", " `USER: x", BROKEN])), asked("Welche Zeile?")
    )
    assert (pieces, ending.text, ending.record.finish) == (["Nimm", " `"], "Nimm `", FinishReason.ROLE_WORD)
    pieces, ending = await pieces_and_ending(dialogue(ScriptedModel(["Das", " U", BROKEN])), asked("Was?"))
    assert (pieces, ending.text, ending.trail) == (["Das", " U"], "Das U", GERMAN.cut)


async def test_the_second_stream_can_be_cut_as_well() -> None:
    model = ScriptedModel([BROKEN], ["Ja, ich", BROKEN])
    ending = await ending_of(dialogue(model), asked("Kommst du?"))
    assert (ending.text, ending.trail, len(model.prompts)) == ("Ja, ich", GERMAN.cut, 2)


@pytest.mark.parametrize("trouble", [ModelServerUnreachable("off"), ModelServerOverloaded("busy")])
async def test_a_server_that_has_no_time_now_is_left_to_the_worker(trouble: Exception) -> None:
    model, answering = ScriptedModel([trouble]), asked("Kommst du?")
    with pytest.raises(type(trouble)):
        await ending_of(dialogue(model), answering)
    assert (len(model.prompts), answering.pieces) == (1, [])


async def test_a_server_that_cannot_say_what_it_serves_is_left_to_the_worker() -> None:
    with pytest.raises(ModelServerUnreachable):
        await ending_of(dialogue(ScriptedModel(trouble=ModelServerUnreachable("loading"))), asked("Kommst du?"))


async def test_a_request_that_the_server_refuses_ends_refused() -> None:
    model = ScriptedModel([ModelServerRefused("no")])
    ending = await ending_of(dialogue(model), asked("Kommst du?", greet=True), said(0, "Hallo", "Hallo!"))
    assert (ending.kind, ending.shown, len(model.prompts)) == (EndingKind.REFUSED, GERMAN.refused, 1)


async def test_a_message_that_is_too_long_is_answered_with_figures_and_never_asked() -> None:
    model = ScriptedModel(window=200)
    ending = await ending_of(dialogue(model, answer_tokens=100), asked(" ".join(["Wort"] * 75)))
    # 200 less 100 for the answer, less the system prompt's 2 words and what goes around it.
    assert ending.shown == GERMAN.too_long.format(tokens=75 + 12, budget=100 - 14)
    assert (ending.kind, model.prompts) == (EndingKind.REFUSED, [])
    fitting = await ending_of(dialogue(model, answer_tokens=100), asked(" ".join(["Wort"] * 74)))
    assert (fitting.text, len(model.prompts)) == ("Ja.", 1)


async def test_the_room_that_a_person_is_told_of_is_never_less_than_nothing() -> None:
    ending = await ending_of(dialogue(ScriptedModel(window=10)), asked("Hallo"))
    assert ending.shown == GERMAN.too_long.format(tokens=13, budget=0)


async def test_a_prompt_that_the_server_finds_too_long_is_tried_again_without_history() -> None:
    model = ScriptedModel([PromptTooLong("too long")], ["Ja."])
    answering = asked("Kommst du?", position=3)
    pieces, ending = await pieces_and_ending(dialogue(model), answering, said(1, "Hallo", "Hallo!"))
    assert (pieces, ending.text) == (["Ja."], "Ja.")
    assert [prompt.count("USER: Hallo ") for prompt in model.prompts] == [1, 0]
    assert ending.record.cut == 3


async def test_a_message_that_the_server_finds_too_long_by_itself_ends_refused() -> None:
    model = ScriptedModel([PromptTooLong("too long")])
    ending = await ending_of(dialogue(model), asked("Kommst du?"), said(0, "Hallo", "Hallo!"))
    assert (ending.kind, ending.shown, len(model.prompts)) == (EndingKind.REFUSED, GERMAN.refused, 2)


@given(st.lists(hostile.answers, max_size=5), st.sampled_from(["end", "tokens", "cut"]))
@settings(deadline=None)
async def test_what_is_stored_is_what_was_shown_however_the_stream_ended(texts: list[str], how: str) -> None:
    last = BROKEN if how == "cut" else Finish(FinishReason(how))
    model = ScriptedModel(["Ja.", *texts, last])
    pieces, ending = await pieces_and_ending(dialogue(model), asked("Kommst du?"))
    assert "".join(pieces) == ending.text
    trails = {"end": "", "tokens": GERMAN.tokens_used_up, "cut": GERMAN.cut}
    ended = ending.record.finish is FinishReason.ROLE_WORD
    assert ending.trail.endswith("" if ended else trails[how])
    assert bool(ending.trail) == (not ended and how != "end")
    assert (len(model.prompts), model.open_streams) == (1, 0)
