"""How many tokens a text takes: counts that were asked for once, and an estimate where nobody can count."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict

_EASY = re.compile(r"[A-Za-z ]+")


def estimate(text: str) -> int:
    """Rather too many: Latin letters and spaces two a token, all else one token a byte, and the beginning token.

    A SentencePiece vocabulary of 32,000 cuts German into about 3.3 letters a token; digits stand alone, and what it
    does not know falls apart into bytes.
    """
    easy = sum(map(len, _EASY.findall(text)))
    return (easy + 1) // 2 + len(text.encode(errors="surrogatepass")) - easy + 1


class Counts:
    """The newest counts by the text's digest, so that no text of a person stays in here."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._known: OrderedDict[bytes, int] = OrderedDict()

    def get(self, text: str) -> int | None:
        """The count of a text that was counted before."""
        digest = _digest(text)
        if digest not in self._known:
            return None
        self._known.move_to_end(digest)
        return self._known[digest]

    def put(self, text: str, count: int) -> None:
        """Keep a count; the one that was used longest ago makes room."""
        self._known[_digest(text)] = count
        if len(self._known) > self._size:
            self._known.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
