"""What reading streams costs: ours, from the model server to a platform that swallows everything, beside a bare reader.

200 answers of 400 tokens at once, 20 tokens a second each. Both read the same bytes, in turns, each in a process of its
own; the model server is this process. Ours claims, prompts, delivers and stores on SQLite within the measured time; the
bare one does nothing but read and parse. The platform sets no pace, so that each token is a frame. Who comes first
changes from round to round: what else the machine does hits both alike.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.measured import ratio
from benchmarks.processes import ended
from benchmarks.token_server import Streamed, recorded, token_server

if TYPE_CHECKING:
    from benchmarks.measured import Progress, Result

ANSWERS = 200
TOKENS = 400
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Read:
    """What one reader took. ``behind``: seconds by which the slowest answer's last token was read after it was due."""

    cpu_seconds: float
    lag_p99: float
    behind: float
    server_late: float


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``tgi_stream_ratio`` and ``openai_stream_ratio``."""
    tokens, rounds = (TOKENS // 4, 1) if quick else (TOKENS, ROUNDS)
    results = []
    for number, kind in enumerate(("tgi", "openai")):
        rates: dict[str, list[float]] = {"ours": [], "bare": []}
        for turn in range(rounds):
            for place, who in enumerate(sorted(rates, reverse=turn % 2 == 0)):
                progress((number + (turn + place / 2) / rounds) / 2, f"{kind}, {who}")
                read = await read_streams(who, kind, ANSWERS, tokens)
                rates[who].append(ANSWERS * tokens / read.cpu_seconds)
        raw = {f"{who}_us_per_token": 1e6 / max(rates[who]) for who in rates}
        results.append(ratio(f"{kind}_stream_ratio", rates["ours"], rates["bare"], **raw))
    return results


async def read_streams(who: str, kind: str, answers: int, tokens: int) -> Read:
    """Let a process read so many streams at once. Raises ``RuntimeError`` where it did not read all of them."""
    recording = await recorded(kind, tokens)
    async with token_server(recording) as (url, streamed):
        told = await _reader(who, kind, url, str(answers))
    if told["characters"] != answers * recording.characters:
        raise RuntimeError(f"{who} read {told['characters']} characters of {answers * recording.characters}")
    return Read(told["cpu_seconds"], told["lag_p99"], _behind(told["ended"], streamed), streamed.late)


def _behind(read: list[float], streamed: Streamed) -> float:
    """Both in order of time: no last token is counted later than it was, none could be read before it was sent."""
    return max((at - due for at, due in zip(read, sorted(streamed.ended), strict=False)), default=0.0)


async def _reader(*arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.stream_readers", *arguments), stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await process.communicate()
    finally:
        await ended(process)
    if process.returncode:
        raise RuntimeError(f"the reader ended with {process.returncode}")
    told: dict[str, Any] = json.loads(output)
    return told
