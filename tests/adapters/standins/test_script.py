from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.standins.script import Pace, pieces, say_which_question, write


@given(st.text())
def test_pieces_lose_nothing(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_special_tokens_are_whole_and_long_words_are_cut() -> None:
    assert pieces("Hauptstadt ist</s> <|im_end|>") == ["Haupt", "stadt", " ist", "</s>", " ", "<|im_end|>"]


@pytest.mark.parametrize(
    "prompt",
    [
        "System. USER: Frage eins? ASSISTANT: Ja.</s>USER: Wie spät ist es?\nUngefähr? ASSISTANT:",
        "<|im_start|>user\nFrage eins?<|im_end|>\n<|im_start|>user\nUngefähr?<|im_end|>\n<|im_start|>assistant\n",
        "Wie spät ist es?\nUngefähr?\n",
    ],
)
def test_the_answer_shows_which_question_it_got(prompt: str) -> None:
    answer = "".join(say_which_question(prompt))

    assert "Ungefähr?“" in answer
    assert "Frage eins" not in answer


def test_a_long_question_is_not_repeated_whole() -> None:
    assert len("".join(say_which_question("USER: " + "x" * 1000 + " ASSISTANT:"))) < 320


def test_an_answer_ends_by_its_end_token_its_limit_or_a_stop_sequence() -> None:
    reply = ["a", "b", "c"]

    assert write(reply, 4, ()).finish == "eos_token"
    assert write(reply, 3, ()).finish == "length"
    assert write(reply, 2, ()).text == "ab"
    stopped = write(reply, 9, ("bc", "ab"))
    assert (stopped.text, stopped.finish, stopped.stop) == ("ab", "stop_sequence", "ab")


async def test_a_paused_pace_lets_out_only_what_it_is_told() -> None:
    pace = Pace()
    pace.pause()
    out: list[int] = []

    async def writer(number: int) -> None:
        await pace.token()
        out.append(number)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        first = tasks.create_task(writer(1))
        pace.step()
        await first
        assert out == [1]
        for number in (2, 3):
            tasks.create_task(writer(number))
        pace.resume()
    assert sorted(out) == [1, 2, 3]


async def test_a_pace_of_seconds_waits_before_each_token() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    await Pace(0.05).token()

    assert loop.time() - began >= 0.04
