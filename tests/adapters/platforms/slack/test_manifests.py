from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.platforms.slack.account import NEEDED_SCOPES
from adapters.platforms.slack.routes import PATH

DEPLOY = Path(__file__).parents[4] / "deploy"


def manifest(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("name", ["slack-manifest.yaml", "slack-manifest-http.yaml"])
def test_each_manifest_asks_for_what_the_adapter_needs(name: str) -> None:
    app = manifest(name)
    assert set(app["oauth_config"]["scopes"]["bot"]) == NEEDED_SCOPES
    events = {"app_mention", "message.im", "app_home_opened", "agent_session_stopped"}
    assert set(app["settings"]["event_subscriptions"]["bot_events"]) == events
    assert [command["command"] for command in app["features"]["slash_commands"]] == ["/plausch"]
    assert app["features"]["agent_view"]["agent_description"]
    assert app["features"]["app_home"]["messages_tab_enabled"]
    assert 174 <= len(app["display_information"]["long_description"]) <= 4000


def test_over_http_slack_calls_one_address() -> None:
    app = manifest("slack-manifest-http.yaml")
    address = f"https://plausch.example.com{PATH}"
    assert app["features"]["slash_commands"][0]["url"] == address
    assert app["settings"]["event_subscriptions"]["request_url"] == address
    assert app["settings"]["interactivity"]["request_url"] == address
    assert not app["settings"]["socket_mode_enabled"]


def test_over_socket_mode_slack_calls_no_address() -> None:
    text = (DEPLOY / "slack-manifest.yaml").read_text("utf-8")
    assert manifest("slack-manifest.yaml")["settings"]["socket_mode_enabled"]
    assert "url:" not in text
