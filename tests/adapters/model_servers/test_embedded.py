from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from adapters.model_servers.embedded import Care, Embedded
from adapters.model_servers.weights import ModelFile
from conversation.errors import ModelServerUnreachable, PromptTooLong, StreamBroken
from conversation.generation import Finish, FinishReason, Sampling, Token
from tests.support.small_model import small_model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conversation.ports import ModelServer

QUICK = Care(first_pause=0.05, longest_pause=0.2)
STORY = "Once upon a time there was a king. He had three daughters."


@pytest.fixture(scope="session")
def model() -> ModelFile:
    return small_model()


@pytest.fixture
async def embedded(model: ModelFile) -> AsyncIterator[Embedded]:
    async with aclosing(Embedded(model, slots=1, window=2048, threads=1, care=QUICK)) as server:
        await is_ready(server)
        yield server


async def is_ready(server: Embedded) -> None:
    async with asyncio.timeout(30):
        await server.ready()


async def first_token(server: ModelServer) -> str:
    async with asyncio.timeout(10), aclosing(server.stream(STORY, Sampling(answer_tokens=1500))) as pieces:
        async for piece in pieces:
            assert isinstance(piece, Token)
            return piece.text
    raise AssertionError("no token")


async def is_gone(process_id: int) -> None:
    for _ in range(500):
        if not _exists(process_id):
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"process {process_id} is still there")


def _exists(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        # A zombie is gone, somebody has only to notice.
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return True


async def test_an_answer_streams_and_ends_with_its_finish(embedded: Embedded) -> None:
    pieces = [piece async for piece in embedded.stream(STORY, Sampling(answer_tokens=8))]

    assert all(isinstance(piece, Token) for piece in pieces[:-1])
    assert len(pieces) > 2
    finish = pieces[-1]
    assert isinstance(finish, Finish)
    assert (finish.reason, finish.answer_tokens) == (FinishReason.TOKENS, 8)


async def test_it_is_described_by_its_name_and_each_slots_window(model: ModelFile) -> None:
    async with aclosing(Embedded(model, slots=2, window=1024, threads=1, care=QUICK)) as server:
        await is_ready(server)
        description = await server.describe()
    assert (description.name, description.window) == ("SmolLM2-135M-Instruct-Q4_1", 1024)
    assert server.is_pinned


async def test_tokens_are_counted_by_the_model_itself(embedded: Embedded) -> None:
    assert 10 <= await embedded.count(STORY) <= 20


async def test_a_prompt_beyond_the_window_is_too_long(embedded: Embedded) -> None:
    with pytest.raises(PromptTooLong):
        await anext(embedded.stream("word " * 3000, Sampling(answer_tokens=8)))


async def test_leaving_an_answer_frees_its_slot(embedded: Embedded) -> None:
    # There is one slot, and the first answer would hold it for many seconds.
    await first_token(embedded)
    await first_token(embedded)


async def test_answers_follow_each_other_at_once(embedded: Embedded) -> None:
    for tokens in range(1, 13):
        pieces = [piece async for piece in embedded.stream(STORY, Sampling(answer_tokens=tokens))]
        assert isinstance(pieces[-1], Finish)


async def test_while_it_loads_calls_say_so_and_texts_are_estimated(model: ModelFile) -> None:
    async with aclosing(Embedded(model, threads=1, care=QUICK)) as server:
        with pytest.raises(ModelServerUnreachable, match="loading"):
            await server.describe()
        with pytest.raises(ModelServerUnreachable):
            await anext(server.stream(STORY, Sampling()))
        assert await server.count(STORY) > 15
        await is_ready(server)
        assert (await server.describe()).window == 4096


async def test_a_killed_process_breaks_its_streams_and_comes_back(embedded: Embedded) -> None:
    before = embedded.process_id
    assert before is not None
    async with aclosing(embedded.stream(STORY, Sampling(answer_tokens=1500))) as pieces:
        assert isinstance(await anext(pieces), Token)
        os.kill(before, signal.SIGKILL)
        with pytest.raises(StreamBroken):
            async for _ in pieces:
                pass
    with contextlib.suppress(ModelServerUnreachable):  # it may not even have been noticed yet
        await embedded.describe()
    await is_gone(before)
    await is_ready_again(embedded, before)
    assert await first_token(embedded)


async def is_ready_again(server: Embedded, before: int) -> None:
    async with asyncio.timeout(30):
        while server.process_id in {before, None}:
            await server.ready()
            await asyncio.sleep(0.01)


async def test_a_process_that_hangs_is_replaced(model: ModelFile) -> None:
    care = Care(first_pause=0.05, health_every=0.05, health_answer=0.2, silence=0.5)
    async with aclosing(Embedded(model, slots=1, window=1024, threads=1, care=care)) as server:
        await is_ready(server)
        hung = server.process_id
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        await is_gone(hung)
        await is_ready_again(server, hung)


async def test_a_file_that_cannot_be_loaded_is_named_and_tried_again_with_pauses(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF")
    async with aclosing(Embedded(ModelFile(damaged, "damaged", is_pinned=False), threads=1, care=QUICK)) as server:
        async with asyncio.timeout(20):
            while True:
                with pytest.raises(ModelServerUnreachable) as unreachable:
                    await server.describe()
                if "damaged.gguf can't be loaded" in str(unreachable.value):
                    break
                await asyncio.sleep(0.02)


async def test_closing_ends_the_process_whether_loaded_or_not(model: ModelFile, embedded: Embedded) -> None:
    loading = Embedded(model, threads=1, care=QUICK)
    await loading.start()
    await loading.aclose()

    served_by = embedded.process_id
    assert served_by is not None
    await embedded.aclose()
    await is_gone(served_by)
    with pytest.raises(ModelServerUnreachable):
        await embedded.describe()


async def test_only_who_has_the_key_is_served(embedded: Embedded) -> None:
    assert embedded._process is not None
    url = f"{embedded._process.address}/v1/completions"
    async with aiohttp.ClientSession() as stranger, stranger.post(url, json={"prompt": "Hallo"}) as answer:
        assert answer.status == 401
    assert embedded._orders.key not in _command_line(embedded._process.pid)


def _command_line(process_id: int) -> str:
    shown = Path(f"/proc/{process_id}/cmdline")
    if shown.exists():
        return shown.read_text()
    command = ["ps", "-o", "args=", "-p", str(process_id)]  # where there is no /proc (macOS)
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603  # a fixed command


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
async def test_a_stop_that_reaches_the_whole_group_leaves_the_process_to_its_parent(
    embedded: Embedded, stop: signal.Signals
) -> None:
    assert embedded.process_id is not None
    os.kill(embedded.process_id, stop)
    assert await first_token(embedded)


PARENT = """
import asyncio, sys
from pathlib import Path
from adapters.model_servers.embedded import Embedded
from adapters.model_servers.weights import ModelFile
async def main():
    server = Embedded(ModelFile(Path(sys.argv[1]), "small", is_pinned=False), threads=1)
    await server.ready()
    print(server.process_id, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_killed_parent_takes_the_process_with_it_and_the_terminal_stays_clean(model: ModelFile) -> None:
    pipe = asyncio.subprocess.PIPE
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(model.path), stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    assert parent.stdout is not None
    async with asyncio.timeout(30):
        child = int(await parent.stdout.readline())
    parent.kill()
    await is_gone(child)
    assert await parent.stdout.read() == b""
    await parent.wait()
