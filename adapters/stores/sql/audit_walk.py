"""The audit log from its first entry to its last, and what is noticed on the way, in bounded memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from adapters.stores.sql.audit_chain import FIRST, Link

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 50
"""So many things of a kind are kept. Who forged more is found all the same, and the rest is counted."""
REACH = 64
"""So many numbers away an entry is looked for that fits only under another number."""
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's end as the service's log tells it: an entry's number and digest."""

    number: int
    digest: str


@dataclass(slots=True)
class Suspect:
    """An entry that does not follow the one before, or of which nobody can tell."""

    link: Link
    number: int
    """Which entry stood here if nothing before were removed or added."""
    before: str | None
    """The digest of the entry before. None: that is missing, so it may be as it was."""
    before_is_known: bool
    """The service's log tells the same of the entry before."""


@dataclass(slots=True)
class Gap:
    """Entries that are not there, by their numbers at the time. ``closed``: later ones were numbered anew."""

    first: int
    last: int
    before: str | None
    closed: bool = False


class Walk:
    """Takes the entries by growing numbers. After each break it goes on from what is stored.

    So one forgery gives one finding, and not one for each later entry. Entries that were renumbered follow one another
    under other numbers: the difference is the *shift*, the number at the time less the one that they have now.
    """

    def __init__(self, heads: Iterable[Head]) -> None:
        self.heads: defaultdict[int, set[str]] = defaultdict(set)
        for head in heads:
            self.heads[head.number].add(head.digest)
        self.agreed: set[tuple[int, str]] = set()
        """Heads whose entry is there."""
        self.entries = self.newest = 0
        self.began = self.ended = ""
        self.suspects: list[Suspect] = []
        self.gaps: list[Gap] = []
        self.added: list[int] = []
        self.renumbered: list[tuple[int, int]] = []
        """Numbers, and what they were, where nothing is missing."""
        self.late: list[int] = []
        self.details: list[int] = []
        self.unlisted: list[int] = [0, 0]
        """How many breaks more there are than could be kept, and the number of the first one."""
        self._before = FIRST
        self._next = 1
        self._shift = 0
        self._fitted = False
        self._is_known = False

    def take(self, link: Link, *, is_genuine_detail: bool) -> None:
        """Look at the next entry."""
        self.entries += 1
        if link.number < 1:
            self._keep(self.suspects, Suspect(link, link.number, None, before_is_known=False), link.number)
            return
        fits = self._fits_after_gap(link) if link.number > self._next else self._fits(link)
        self.newest = link.number + self._shift
        if fits and self._fitted and link.at < self.ended:
            self._keep(self.late, self.newest, link.number)
        if not is_genuine_detail:
            self._keep(self.details, self.newest, link.number)
        self.began = self.began or link.at
        self._is_known = self.agree(self.newest, link.digest)
        self._fitted, self._before, self._next, self.ended = fits, link.digest, link.number + 1, link.at

    def agree(self, number: int, digest: str) -> bool:
        """Whether the service's log tells this digest of this entry."""
        if digest not in self.heads.get(number, ()):
            return False
        self.agreed.add((number, digest))
        return True

    def _fits(self, link: Link) -> bool:
        number = link.number + self._shift
        if link.follows(self._before, number) == link.digest:
            return True
        if len(self.suspects) < MOST:
            for shift in range(-REACH, REACH + 1):
                if link.follows(self._before, link.number + shift) == link.digest:
                    self._go_on_with(link.number, shift)
                    return True
        self._keep(self.suspects, Suspect(link, number, self._before, self._is_known), link.number)
        return False

    def _fits_after_gap(self, link: Link) -> bool:
        """Whether it follows what is there: then nothing is missing, it is only numbered anew."""
        expected, number = self._next + self._shift, link.number + self._shift
        if link.follows(self._before, expected) == link.digest:
            self._keep(self.renumbered, (link.number, expected), link.number)
            self._shift = expected - link.number
            return True
        self._keep(self.gaps, Gap(expected, number - 1, self._before), self._next)
        if any(link.follows(before, number) == link.digest for before in self.heads.get(number - 1, ())):
            return True
        if len(self.suspects) < MOST:
            self.suspects.append(Suspect(link, number, None, before_is_known=False))
        return False

    def _go_on_with(self, place: int, shift: int) -> None:
        """Entries follow one another under other numbers from here on, or from the one before, which followed nothing.

        Where the one before fits, nothing is lost in between: either they were only numbered anew, or the service
        itself went on from the last number that it found.
        """
        last = self.suspects[-1] if self.suspects else None
        if last is None or last.link.number != place - 1:
            if shift:
                self._keep(self.renumbered, (place, place + shift), place)
        else:
            self.suspects.pop()
            self._explain(last, shift)
        self._shift = shift

    def _explain(self, suspect: Suspect, shift: int) -> None:
        """What is missing, or too much, before an entry whose number was another one."""
        place, number = suspect.link.number, suspect.link.number + shift
        self.agree(number, suspect.link.digest)
        if suspect.before is None:
            if self.gaps and self.gaps[-1].last == suspect.number - 1:
                self.gaps[-1].last = number - 1
                self.gaps[-1].closed = True
        elif number > suspect.number:
            self._keep(self.gaps, Gap(suspect.number, number - 1, suspect.before, closed=True), place)
        else:
            for surplus in range(place - (suspect.number - number), place):
                self._keep(self.added, surplus, surplus)

    def _keep(self, kept: list[_Kept], one: _Kept, number: int) -> None:
        if len(kept) < MOST:
            kept.append(one)
            return
        if not self.unlisted[0]:
            self.unlisted[1] = number
        self.unlisted[0] += 1
