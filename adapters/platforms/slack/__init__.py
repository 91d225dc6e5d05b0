"""Slack: one workspace, as a platform."""

from adapters.platforms.slack.formatting import Part
from adapters.platforms.slack.platform import Slack

__all__ = ["Part", "Slack"]
