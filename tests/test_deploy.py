"""What stands in ``deploy/`` and ``.env.example`` fits the tools that read it, the code, and the READMEs."""

from __future__ import annotations

import importlib.resources
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bot.settings import PREFIX, Settings
from conversation.profiles import EM_GERMAN

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SCHEMAS = ROOT / "tests" / "support" / "schemas"
READMES = ("README.md", "README_DE.md")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
TGI = {name: service for name, service in COMPOSE["services"].items() if name.startswith("tgi-")}
SETTINGS = [PREFIX + name.upper() for name in Settings.model_fields]
_SETTING = re.compile(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b")

# Of text-generation-launcher 3.3.7.
TGI_FLAGS = {
    "--model-id",
    "--revision",
    "--quantize",
    "--num-shard",
    "--max-input-tokens",
    "--max-total-tokens",
    "--max-concurrent-requests",
    "--max-batch-prefill-tokens",
    "--cuda-memory-fraction",
    "--disable-custom-kernels",
}
TGI_QUANTIZE = {"awq", "gptq", "eetq", "fp8", "bitsandbytes-nf4"}


def complaints(schema: str, document: object) -> list[str]:
    """What the schema says against it, a line each."""
    validator = Draft202012Validator(json.loads((SCHEMAS / schema).read_text("utf-8")))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def flags(service: dict[str, Any]) -> dict[str, str]:
    """The launcher's flags and their values."""
    return dict(flag.split("=", 1) for flag in service["command"])


# ── compose.yaml ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("schema", sorted(path.name for path in SCHEMAS.iterdir()))
def test_each_schema_is_one(schema: str) -> None:
    Draft202012Validator.check_schema(json.loads((SCHEMAS / schema).read_text("utf-8")))


def against_compose(document: object) -> list[str]:
    """What the Compose project's own schema says against it; check-jsonschema carries a copy."""
    schema = importlib.resources.files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json"
    validator = Draft202012Validator(json.loads(schema.read_text("utf-8")))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_compose_yaml_fits_its_schema() -> None:
    assert against_compose(COMPOSE) == []


def test_a_misspelt_key_in_compose_yaml_would_be_seen() -> None:
    service = COMPOSE["services"]["plausch"]
    wrong = COMPOSE | {"services": {"plausch": service | {"read_onli": True}}}
    assert against_compose(wrong)


def test_what_compose_yaml_refers_to_is_there() -> None:
    for service in COMPOSE["services"].values():
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"])
        assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])
    build = COMPOSE["services"]["plausch"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    assert COMPOSE["services"]["plausch"]["env_file"][0]["path"] == "../.env"


def test_every_service_is_watched_and_every_foreign_image_has_a_version() -> None:
    for name, service in COMPOSE["services"].items():
        if name == "plausch":
            assert "HEALTHCHECK" in DOCKERFILE  # the image brings its own
            continue
        assert service["healthcheck"]["test"]
        assert re.search(r":\d[\w.-]*$", service["image"]), service["image"]


def test_database_and_model_server_are_reached_from_inside_only() -> None:
    assert COMPOSE["networks"]["inside"]["internal"]
    assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["plausch"]
    assert COMPOSE["services"]["plausch"]["ports"][0].startswith("127.0.0.1:")


def test_no_secret_stands_in_compose_yaml() -> None:
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|KEY", name):
                assert value.startswith("${"), name
    passwords = re.findall(r"\$\{POSTGRES_PASSWORD(.)", (DEPLOY / "compose.yaml").read_text("utf-8"))
    assert set(passwords) == {":"}  # each says what is missing instead of being empty


def test_compose_sets_what_the_service_can_be_started_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPOSE["services"]["plausch"]["environment"].items():
        filled = re.sub(r"\$\{(\w+):[-?]([^}]*)\}", lambda found: found[2], value)
        monkeypatch.setenv(name, filled.replace("set it in .env", "secret"))
    settings = Settings.load()
    assert settings.model_server == "tgi"
    assert settings.http_port == int(COMPOSE["services"]["plausch"]["ports"][0].rpartition(":")[2])


# ── text-generation-inference ────────────────────────────────────────────────────────────────────────────────────────


def test_there_is_a_profile_for_each_model() -> None:
    assert {name: service["profiles"] for name, service in TGI.items()} == {
        "tgi-leolm-mistral": ["leolm-mistral"],
        "tgi-em-70b": ["em-70b"],
    }
    assert flags(TGI["tgi-leolm-mistral"])["--model-id"] == "TheBloke/em_german_leo_mistral-AWQ"
    assert flags(TGI["tgi-em-70b"])["--model-id"] == "TheBloke/em_german_70b_v01-AWQ"


@pytest.mark.parametrize("name", TGI)
def test_each_flag_is_one_of_the_launchers(name: str) -> None:
    given = flags(TGI[name])
    assert set(given) <= TGI_FLAGS
    assert given["--quantize"] in TGI_QUANTIZE
    assert given["--model-id"].lower().endswith(given["--quantize"])


@pytest.mark.parametrize("name", TGI)
def test_the_token_limits_fit_each_other_and_the_profiles_answer(name: str) -> None:
    given = flags(TGI[name])
    total, longest = int(given["--max-total-tokens"]), int(given["--max-input-tokens"])
    assert total - longest == EM_GERMAN.sampling.answer_tokens
    assert int(given["--max-batch-prefill-tokens"]) >= longest


@pytest.mark.parametrize("name", TGI)
def test_each_model_server_is_found_by_the_name_that_the_service_calls(name: str) -> None:
    address = COMPOSE["services"]["plausch"]["environment"]["PLAUSCH_MODEL_URL"]
    assert "://tgi:80" in address
    assert TGI[name]["networks"]["inside"]["aliases"] == ["tgi"]


# ── Dockerfile ───────────────────────────────────────────────────────────────────────────────────────────────────────


def instructions() -> list[tuple[str, list[str]]]:
    """Each instruction of the Dockerfile with its words."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE))
    lines = [line.partition(" ") for line in joined.splitlines() if line]
    return [(name, shlex.split(rest.replace("'", '"')) if name == "COPY" else [rest]) for name, _, rest in lines]


def test_what_the_dockerfile_copies_is_there_and_reaches_the_builder() -> None:
    copied = [words[:-1] for name, words in instructions() if name == "COPY" and not words[0].startswith("--")]
    sources = [source for words in copied for source in words]
    assert {"requirements/runtime.txt", "pyproject.toml", "bot/", "adapters/", "conversation/"} <= set(sources)
    let_through = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    for source in sources:
        assert (ROOT / source).exists(), source
        assert {f"!{source}", f"!{source.partition('/')[0]}/"} & set(let_through), source


def test_nothing_secret_can_reach_the_builder() -> None:
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert next(rule for rule in rules if not rule.startswith("#")) == "*"


def test_the_image_is_built_from_pinned_parts() -> None:
    bases = [rest[0].split()[0] for name, rest in instructions() if name == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", base) for base in bases)
    assert "--require-hashes --requirement requirements/runtime.txt" in DOCKERFILE


def test_the_service_runs_as_nobody_in_particular_and_is_watched() -> None:
    named = dict(instructions())
    assert named["USER"] == ["plausch"]
    assert "/healthz" in named["HEALTHCHECK"][0]
    assert named["VOLUME"] == ["/data"]
    assert named["ENTRYPOINT"] == ['["plausch"]']


def test_the_time_to_stop_covers_the_drain() -> None:
    from bot.worker import Limits  # noqa: PLC0415 - only this test needs the worker

    assert int(COMPOSE["services"]["plausch"]["stop_grace_period"].removesuffix("s")) > Limits().drain + 5


# ── Slack ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["slack-manifest.yaml", "slack-manifest-http.yaml"])
def test_each_slack_manifest_fits_its_schema(name: str) -> None:
    manifest = yaml.safe_load((DEPLOY / name).read_text("utf-8"))
    assert complaints("slack-manifest.json", manifest) == []


def test_a_misspelt_key_in_a_slack_manifest_would_be_seen() -> None:
    manifest = yaml.safe_load((DEPLOY / "slack-manifest.yaml").read_text("utf-8"))
    manifest["settings"]["socket_mode"] = manifest["settings"].pop("socket_mode_enabled")
    assert complaints("slack-manifest.json", manifest)


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def documented() -> list[Path]:
    """The files in which operators read names of settings."""
    return [ROOT / ".env.example", *(ROOT / name for name in READMES), *(p for p in DEPLOY.rglob("*") if p.is_file())]


@pytest.mark.parametrize("path", documented(), ids=lambda path: path.name)
def test_each_name_that_operators_read_is_a_setting(path: Path) -> None:
    assert set(_SETTING.findall(path.read_text("utf-8"))) <= set(SETTINGS)


def rows(readme: str) -> list[str]:
    """The settings in the README's table, in its order."""
    return re.findall(rf"(?m)^\| `({PREFIX}\w+)` \|", (ROOT / readme).read_text("utf-8"))


def examples() -> list[str]:
    """The settings in .env.example, in its order."""
    return re.findall(rf"(?m)^#({PREFIX}\w+)=", (ROOT / ".env.example").read_text("utf-8"))


def test_each_setting_stands_once_in_the_example_and_in_both_tables_in_one_order() -> None:
    assert sorted(examples()) == sorted(SETTINGS)
    assert rows("README.md") == rows("README_DE.md") == examples()


def test_the_example_sets_nothing_by_itself() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    assert all(line.startswith("#") for line in lines if line)


def test_the_example_can_be_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    for name, value in re.findall(rf'(?m)^#({PREFIX}\w+)="?([^"\n]+)"?$', text):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PLAUSCH_TELEGRAM_WEBHOOK_SECRET", "a-random-word")
    Settings.load()


@pytest.mark.parametrize("readme", READMES)
def test_the_tables_defaults_are_the_codes(readme: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    found = dict(re.findall(rf"(?m)^\| `{PREFIX}(\w+)` \| `([^`]+)` \|", text))
    given = {
        name.upper(): str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        for name, field in Settings.model_fields.items()
        if field.default is not None and field.default_factory is None
    }
    assert found == given
