"""What the breaks in the audit log's chain mean: one finding for each forgery, in words for people."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from adapters.stores.sql.audit_walk import MOST, Gap, Suspect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from adapters.stores.sql.audit_walk import Walk


class Kind(StrEnum):
    """What was done to the log."""

    CHANGED = "changed"
    REMOVED = "removed"
    MOVED = "moved"
    ADDED = "added"
    REWRITTEN = "rewritten"
    """All is in itself right, but the service's log knows it otherwise."""
    CUT_OFF = "cut_off"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was done, and to which entry, or from which on."""

    kind: Kind
    number: int
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many entries there are, from when to when, how many heads agree with them, and what was found."""

    entries: int
    began: datetime | None
    ended: datetime | None
    agreed: int
    findings: Sequence[Finding]

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verdict_of(walk: Walk) -> Verdict:
    """The verdict on all that the walk has seen."""
    findings = sorted(_Meaning(walk).findings(), key=lambda finding: (finding.number, finding.kind))
    return Verdict(walk.entries, _instant(walk.began), _instant(walk.ended), len(walk.agreed), tuple(findings))


def _instant(at: str) -> datetime | None:
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(at)
    return None


@dataclass(slots=True)
class _Meaning:
    """Which entry stands where, as far as the digests tell."""

    walk: Walk
    moved: dict[int, int] = field(default_factory=dict)
    """Numbers, and what they were."""
    changed: set[int] = field(default_factory=set)
    digest_only: set[int] = field(default_factory=set)
    doubted: set[int] = field(default_factory=set)
    """Of the changed: it may have been the one before instead."""
    untold: set[int] = field(default_factory=set)
    """What stands behind a gap: whether it was changed can't be told."""
    _digests: dict[int, str] = field(default_factory=dict)
    """Of entries that were moved as a whole, by their numbers at the time."""

    def findings(self) -> Iterator[Finding]:
        """All of them, in no order."""
        self._find_places()
        by_number = {suspect.number: suspect for suspect in self.walk.suspects}
        for suspect in self.walk.suspects:
            if suspect.link.number not in {*self.moved, *self.walk.added}:
                self._judge(suspect, by_number.get(suspect.number - 1))
        yield from self._moved()
        yield from self._changed()
        yield from self._missing()
        yield from self._surplus()
        yield from self._against_heads()
        more, first = self.walk.unlisted
        if more:
            yield Finding(
                Kind.CHANGED, first, f"From entry {first} on there are {more:,} more breaks, not listed here."
            )

    def _find_places(self) -> None:
        """Which of them belong elsewhere: their own digest says so, or the one that stands there."""
        stored = {suspect.number: suspect.link.digest for suspect in self.walk.suspects}
        places = self._places()
        for suspect in self.walk.suspects:
            for number, befores in places.items():
                digests = {suspect.link.digest, stored.get(number)}
                found = {suspect.link.follows(before, number) for before in befores} & digests
                if found and number != suspect.number:
                    self.moved[suspect.link.number] = number
                    if suspect.link.digest in found:
                        self._digests[number] = suspect.link.digest
                        self.walk.agree(number, suspect.link.digest)
                    break

    def _places(self) -> dict[int, set[str]]:
        """The numbers that something moved may have had, and what may have stood before them."""
        places: defaultdict[int, set[str]] = defaultdict(set)
        for suspect in self.walk.suspects:
            places[suspect.number] |= {suspect.before} if suspect.before else set()
        for gap in self.walk.gaps:
            places[gap.first] |= {gap.before} if gap.before else set()
            for number in range(gap.first, min(gap.last + 1, gap.first + MOST - len(places))):
                places[number] |= set()
        anywhere = {suspect.link.digest for suspect in self.walk.suspects}
        return {number: befores | anywhere | self._told(number - 1) for number, befores in places.items()}

    def _told(self, number: int) -> set[str]:
        return self.walk.heads.get(number, set())

    def _judge(self, suspect: Suspect, previous: Suspect | None) -> None:
        """Changed, unless it follows what was truly before it."""
        number, digest = suspect.number, suspect.link.digest
        if suspect.link.follows(self._digests.get(number - 1, "")) == digest:
            return
        if suspect.before is None:
            self.untold.add(number)
        elif any(suspect.link.follows(before, number) == digest for before in self._told(number - 1)):
            self.changed |= self._otherwise_told(number - 1)
        elif previous is not None and self._is_after_meant(suspect, previous):
            self.digest_only.add(number - 1)
        else:
            self.changed.add(number)
            if number > 1 and not suspect.before_is_known:
                self.doubted.add(number)

    def _otherwise_told(self, number: int) -> set[int]:
        """The entry, and those right before it that the service's log knows otherwise, too."""
        first = number
        while (told := self._told(first - 1)) and not any((first - 1, one) in self.walk.agreed for one in told):
            first -= 1
        return set(range(first, number + 1))

    @staticmethod
    def _is_after_meant(suspect: Suspect, previous: Suspect) -> bool:
        """Whether it follows what the one before says: then only that one's digest is wrong."""
        if previous.before is None:
            return False
        meant = previous.link.follows(previous.before, previous.number)
        return suspect.link.follows(meant, suspect.number) == suspect.link.digest

    def _moved(self) -> Iterator[Finding]:
        for place, number in self.moved.items():
            if self.moved.get(number) == place:
                if place < number:
                    yield Finding(Kind.MOVED, place, f"Entries {place} and {number} have changed places.")
            else:
                yield Finding(Kind.MOVED, place, f"What stands as entry {place} is entry {number}.")
        for place, number in self.walk.renumbered:
            words = f"What stands as entry {place} was entry {number}; those after it were numbered anew, too."
            yield Finding(Kind.MOVED, place, words)
        for place in self.walk.late:
            words = f"Entry {place} is older than entry {place - 1}: one of them was moved."
            yield Finding(Kind.MOVED, place, words)

    def _changed(self) -> Iterator[Finding]:
        for number in self.digest_only:
            yield Finding(Kind.CHANGED, number, f"The digest of entry {number} was changed.")
        self.changed -= self.digest_only
        for first, last in _runs(self.changed):
            words = f"{_named(first, last)} changed."
            if first == last and first in self.doubted:
                words = f"Entry {first} was changed, or else entry {first - 1} together with its digest."
            yield Finding(Kind.CHANGED, first, words)
        for number in self.walk.details:
            if number not in self.changed:
                yield Finding(Kind.CHANGED, number, f"The detail of entry {number} was changed.")

    def _missing(self) -> Iterator[Finding]:
        there = set(self.moved.values())
        behind = {suspect.number for suspect in self.walk.suspects if suspect.link.number in self.moved}
        for gap in self.walk.gaps:
            # What was moved beyond the end leaves numbers free that nothing ever had.
            if gap.last + 1 in behind and not any(gap.first <= number <= gap.last for number in self.walk.heads):
                continue
            for first, last in _parts(gap, there):
                words = f"{_named(first, last)} removed."
                if gap.closed:
                    words += " Those after it were numbered anew."
                elif last + 1 in self.untold:
                    words += f" Whether entry {last + 1} was changed can't be told."
                yield Finding(Kind.REMOVED, first, words)

    def _surplus(self) -> Iterator[Finding]:
        below = {suspect.link.number for suspect in self.walk.suspects if suspect.link.number < 1}
        for number in sorted(below - set(self.moved)):
            yield Finding(Kind.ADDED, number, f"Entry {number} was added: numbers begin with 1.")
        for first, last in _runs(set(self.walk.added) - set(self.moved)):
            words = f"{_named(first, last)} added. Those after it were numbered anew."
            yield Finding(Kind.ADDED, first, words)

    def _against_heads(self) -> Iterator[Finding]:
        """What the service's log knows otherwise, less what was found already."""
        newest, known = self.walk.newest, self.changed | self.digest_only
        told = {(number, digest) for number, digests in self.walk.heads.items() for digest in digests}
        unknown = {
            number
            for number, _ in told - self.walk.agreed
            if number not in known and not any(gap.first <= number <= gap.last for gap in self.walk.gaps)
        }
        beyond = {number for number in unknown if number > newest}
        if beyond:
            words = f"{_named(newest + 1, max(beyond))} cut off at the end: the service's log names them."
            yield Finding(Kind.CUT_OFF, newest + 1, words)
        if unknown - beyond:
            number = min(unknown - beyond)
            since = max((agreed for agreed, _ in self.walk.agreed if agreed < number), default=0) + 1
            which = f"entry {number}" if since == number else f"one of the entries {since} to {number}"
            words = (
                f"The service's log tells another digest of entry {number}: {which} was changed or cut off, and what"
                " follows was written anew."
            )
            yield Finding(Kind.REWRITTEN, number, words)


def _named(first: int, last: int) -> str:
    return f"Entry {first} was" if first == last else f"Entries {first} to {last} were"


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each row of numbers without gaps."""
    run: list[int] = []
    for number in sorted(numbers):
        if run and number > run[-1] + 1:
            yield run[0], run[-1]
            run = []
        run.append(number)
    if run:
        yield run[0], run[-1]


def _parts(gap: Gap, there: Collection[int]) -> Iterator[tuple[int, int]]:
    """What of the gap is missing, less what is there in another place."""
    first = gap.first
    for number in sorted(number for number in there if gap.first <= number <= gap.last):
        if first < number:
            yield first, number - 1
        first = number + 1
    if first <= gap.last:
        yield first, gap.last
