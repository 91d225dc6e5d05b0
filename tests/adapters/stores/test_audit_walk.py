"""Whatever is done to the audit log's entries is found, and the plain forgeries are named exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from adapters.stores.sql.audit_chain import FIRST, Link
from adapters.stores.sql.audit_findings import Verdict, verdict_of
from adapters.stores.sql.audit_walk import Head, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SIZE = 12
NUMBERS = st.integers(1, SIZE)


def sealed(links: Iterable[Link]) -> list[Link]:
    """The entries, chained."""
    chain: list[Link] = []
    for link in links:
        chain.append(replace(link, digest=link.follows(chain[-1].digest if chain else FIRST)))
    return chain


CHAIN = sealed(Link(number, f"time {number:03}", None, "read", f"{number}", "") for number in range(1, SIZE + 1))
HEADS = [Head(link.number, link.digest) for link in CHAIN]


def verdict(links: Sequence[Link], heads: Iterable[Head] = ()) -> Verdict:
    walk = Walk(heads)
    for link in sorted(links, key=lambda link: link.number):
        walk.take(link, is_genuine_detail=True)
    return verdict_of(walk)


def found(links: Sequence[Link], heads: Iterable[Head] = ()) -> list[tuple[str, int]]:
    return [(finding.kind, finding.number) for finding in verdict(links, heads).findings]


def forged(chain: Sequence[Link], what: str, number: int, other: int) -> list[Link]:
    """The entries after one forgery, where both entries that it takes are there."""
    links = {link.number: link for link in chain}
    if number not in links or other not in links:
        return list(chain)
    match what:
        case "change":
            links[number] = replace(links[number], subject=f"{other} or so")
        case "digest":
            links[number] = replace(links[number], digest=links[other].digest)
        case "remove":
            del links[number]
        case "cut off":
            links = {one: link for one, link in links.items() if one < number}
        case "move":
            place = max(links) + other
            links[place] = replace(links.pop(number), number=place)
        case "exchange":
            here, there = links[number], links[other]
            links |= {number: replace(there, number=number), other: replace(here, number=other)}
        case "close up":
            links = {one.number: one for one in (closed_up(link, number) for link in chain)}
        case "rewrite":
            return [*(link for link in chain if link.number < number), *rewritten(links, number)]
    return list(links.values())


def closed_up(link: Link, number: int) -> Link:
    """Later entries take the number of the one before."""
    return replace(link, number=link.number - 1) if link.number > number else link


def rewritten(links: Mapping[int, Link], since: int) -> Iterator[Link]:
    """New digests, as somebody makes them who knows how."""
    before = links[since - 1].digest if since - 1 in links else FIRST
    for number in sorted(number for number in links if number >= since):
        link = replace(links[number], digest=links[number].follows(before))
        before = link.digest
        yield link


FORGERIES = st.sampled_from(["change", "digest", "remove", "cut off", "move", "exchange", "close up", "rewrite"])


@given(st.lists(st.tuples(FORGERIES, NUMBERS, NUMBERS), max_size=6))
def test_with_all_heads_a_log_is_whole_only_if_it_is_as_it_was(forgeries: list[tuple[str, int, int]]) -> None:
    links = CHAIN
    for forgery in forgeries:
        links = forged(links, *forgery)

    is_as_it_was = {(link, link.digest) for link in links} == {(link, link.digest) for link in CHAIN}
    assert verdict(links, HEADS).whole == is_as_it_was


@given(forgery=st.tuples(FORGERIES, NUMBERS, NUMBERS), heads=st.sets(st.sampled_from(HEADS)))
def test_no_single_forgery_gives_a_finding_for_each_later_entry(
    forgery: tuple[str, int, int], heads: set[Head]
) -> None:
    assert len(found(forged(CHAIN, *forgery), heads)) <= 2


@given(number=NUMBERS, heads=st.sets(st.sampled_from(HEADS)))
def test_a_changed_entry_is_one_finding_with_its_number(number: int, heads: set[Head]) -> None:
    assert found(forged(CHAIN, "change", number, number), heads) == [("changed", number)]


@given(numbers=st.sets(NUMBERS, min_size=2, max_size=2), heads=st.sets(st.sampled_from(HEADS)))
def test_two_that_have_changed_places_are_one_finding(numbers: set[int], heads: set[Head]) -> None:
    first, second = sorted(numbers)

    assert found(forged(CHAIN, "exchange", first, second), heads) == [("moved", first)]


@given(first=NUMBERS, count=st.integers(1, 4), close=st.booleans(), heads=st.sets(st.sampled_from(HEADS)))
def test_removed_entries_are_one_finding(first: int, count: int, close: bool, heads: set[Head]) -> None:  # noqa: FBT001 - Hypothesis gives it
    by = count if close else 0
    links = [link for link in CHAIN if link.number < first]
    links += [replace(link, number=link.number - by) for link in CHAIN if link.number >= first + count]

    left = SIZE - first - count + 1
    if left > int(close):  # else nothing stands behind them, or nothing that shows what it is
        assert found(links, heads) == [("removed", first)]
    elif left <= 0:
        beyond = [head for head in heads if head.number >= first]
        assert found(links, heads) == ([("cut_off", first)] if beyond else [])


@given(by=st.integers(-3, 3), heads=st.sets(st.sampled_from(HEADS)))
def test_removed_entries_are_named_even_where_later_ones_were_numbered_anew(by: int, heads: set[Head]) -> None:
    links = [*CHAIN[:2], *(replace(link, number=link.number + by) for link in CHAIN[6:])]

    assert found(links, heads) == [("removed", 3)]
    assert verdict(links, heads).findings[0].words.startswith("Entries 3 to 6 were removed.")


def test_an_entry_whose_digest_was_made_for_another_number_is_named() -> None:
    fifth = replace(CHAIN[4], digest=CHAIN[4].follows(CHAIN[3].digest, 9))
    links = {link.number: link for link in (*CHAIN[:4], fifth, *CHAIN[5:])}

    assert found([*CHAIN[:4], fifth, *rewritten(links, 6)]) == [("moved", 5)]


@given(number=NUMBERS, heads=st.sets(st.sampled_from(HEADS)))
def test_a_chain_written_anew_is_found_by_any_later_head(number: int, heads: set[Head]) -> None:
    links = forged(forged(CHAIN, "change", number, number), "rewrite", number, number)

    told = [head.number for head in heads if head.number >= number]
    assert found(links, heads) == ([("rewritten", min(told))] if told else [])
