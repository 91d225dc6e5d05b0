"""``plausch demo`` as a process of its own, in front of a stand-in for the model server."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest

from adapters.standins.script import pieces
from adapters.standins.tgi import StandInTGI

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

QUESTION = "Wie viele Wörter hat ein Buch mit 500 Seiten zu je 300 Wörtern?"


@pytest.fixture
async def tgi() -> AsyncIterator[StandInTGI]:
    async with StandInTGI(lambda _: pieces("Es hat **150.000 Wörter**.")) as standin:
        yield standin


@asynccontextmanager
async def plausch_demo(folder: Path, url: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLAUSCH_")}
    environment |= {"PLAUSCH_MODEL_SERVER": "tgi", "PLAUSCH_MODEL_URL": url, "PLAUSCH_HTTP_PORT": "0"}
    environment |= {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", *arguments),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_command_prints_three_answers_and_ends_well(tmp_path: Path, tgi: StandInTGI) -> None:
    async with plausch_demo(tmp_path, tgi.url, "--say", QUESTION) as process:
        output = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert process.returncode == 0, output
    assert re.findall(r"── (.*) ──", output) == ["Slack (stand-in)", "Telegram (stand-in)", "Web chat"]
    assert output.count("150.000 Wörter") == 3
    assert output.count("yes, as shown") == 3
    assert "Model: plausch/stand-in." in output
    assert not (tmp_path / "data").exists()


async def test_the_command_says_what_is_missing_where_the_model_server_is_gone(tmp_path: Path) -> None:
    async with StandInTGI() as tgi:
        url = tgi.url
    async with plausch_demo(tmp_path, url, "--say", QUESTION, "--wait", "2") as process:
        output = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert process.returncode == 1, output
    assert "Nothing was asked: still waiting after 2 s. model server:" in output


async def test_the_command_without_a_question_says_where_to_look_until_it_is_told_to_end(
    tmp_path: Path, tgi: StandInTGI
) -> None:
    async with plausch_demo(tmp_path, tgi.url) as process:
        assert process.stdout is not None
        output = (await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C ends it."), 60)).decode()
        dashboard = re.search(r"^http://127\.0\.0\.1:\d+/admin/link/\S+$", output, re.MULTILINE)
        assert dashboard, output
        async with aiohttp.ClientSession() as http, http.get(dashboard[0]) as response:
            assert "sandbox" in await response.text()
        found = re.search(r"http://127\.0\.0\.1:\d+/ ", output)
        assert found, output
        async with aiohttp.ClientSession() as http, http.get(found[0].strip()) as response:
            assert "Slack-Attrappe" in await response.text()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    assert (tmp_path / "data" / "plausch" / "sandbox.sqlite3").exists()


async def test_who_does_not_want_to_wait_for_an_answer_ends_the_command_twice(tmp_path: Path, tgi: StandInTGI) -> None:
    tgi.pace.pause()
    async with plausch_demo(tmp_path, tgi.url, "--say", QUESTION) as process:
        await asyncio.wait_for(tgi.arrivals.get(), 60)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C again does not wait."), 10)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 10) == -signal.SIGINT


async def test_an_empty_question_is_refused(tmp_path: Path) -> None:
    async with plausch_demo(tmp_path, "http://127.0.0.1:9", "--say", " ") as process:
        output = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert (process.returncode, "it is empty" in output) == (2, True)
