"""``plausch prompt``: a case from standard input becomes a prompt on standard output, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.files import ROOT

CASES = json.loads((ROOT / "tests/conversation/golden_prompts.json").read_text("utf-8"))["cases"]


def plausch_prompt(given: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "bot", "prompt")
    return subprocess.run(command, input=given, capture_output=True, encoding="utf-8", cwd=ROOT, check=False)  # noqa: S603 - our own command


@pytest.mark.parametrize("case", [CASES[0], CASES[-1]], ids=lambda case: case["name"])
def test_a_case_is_printed_to_the_letter_and_without_a_line_break(case: dict[str, str]) -> None:
    finished = plausch_prompt(json.dumps(case))

    assert (finished.returncode, finished.stdout, finished.stderr) == (0, case["expected_prompt"], "")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{", "JSON"),
        ('{"system": 1, "turns": [{"role": "user", "text": "Hallo"}]}', "system"),
        ('{"system": ""}', "turns"),
    ],
)
def test_what_is_no_case_is_refused_with_the_field_and_the_cure(given: str, says: str) -> None:
    finished = plausch_prompt(given)

    assert (finished.returncode, finished.stdout) == (2, "")
    assert says in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
