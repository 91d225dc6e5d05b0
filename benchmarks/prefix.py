"""How much of a prompt the model server's prefix cache knows from the last one.

One conversation of 200 turns, each of 60 to 250 tokens (question and answer together), a budget of 1,024 tokens; the
share is that of all tokens of all prompts but the first. Cut and counted by the service's own window and prompts, so
its safety margins make prompts shorter than the budget. Always the same talk.
"""

from __future__ import annotations

import random
import tempfile
from itertools import pairwise
from typing import TYPE_CHECKING

from adapters.standins.script import pieces
from benchmarks.history import History
from benchmarks.measured import measured
from tests.support.databases import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measured import Progress, Result

TURNS = 200
BUDGET = 1024
SHORTEST, LONGEST = 60, 250
QUESTION_SHARE = 0.25
WORDS = pieces(
    "Die Pumpe im Keller läuft seit gestern Abend lauter als sonst, der Druck fällt aber nicht, und am Ventil ist"
    " nichts zu sehen. Prüfe zuerst den Filter; ist er sauber, dann sitzt der Fehler eher im Lager oder am Motor."
)


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``prefix_reuse``."""
    turns = TURNS // 4 if quick else TURNS
    source = random.Random(1024)
    prompts: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="plausch-bench-") as folder:
        async with opened(f"sqlite:///{folder}/plausch.sqlite3") as database:
            history = History(database, BUDGET)
            talk = history.begin()
            for number in range(turns):
                progress(number / turns)
                tokens = source.randint(SHORTEST, LONGEST)
                asked = round(tokens * QUESTION_SHARE)
                turned = await history.turn(talk, _words(source, asked), _words(source, tokens - asked))
                prompts.append(pieces(turned.prompt.text))
    asked_for = sum(map(len, prompts[1:]))
    reused = sum(_alike(before, after) for before, after in pairwise(prompts))
    raw = {"prompt_tokens": asked_for, "reused_tokens": reused, "longest_prompt_tokens": max(map(len, prompts))}
    return [measured("prefix_reuse", reused / asked_for, raw)]


def _words(source: random.Random, tokens: int) -> str:
    return "".join(source.choices(WORDS, k=tokens)).strip()


def _alike(before: Sequence[str], after: Sequence[str]) -> int:
    """How many tokens both begin with."""
    length = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        length += 1
    return length
