"""A stand-in for Slack: its Web API, Events API and Socket Mode on loopback, with one workspace and one app in it.

It refuses what the real one refuses, as far as that is known. It runs only while somebody has opened it.
"""

from adapters.standins.slack.faults import FaultKind, Held
from adapters.standins.slack.model import APP, BOT, BOT_USER, TEAM, File
from adapters.standins.slack.records import Call, Change, ChangeKind, Delivery, Ephemeral, Line, Outcome, Version
from adapters.standins.slack.server import StandInSlack
from adapters.standins.slack.settings import ALL_SCOPES, ALL_SUBSCRIPTIONS, SUBSCRIPTIONS

__all__ = [
    "ALL_SCOPES",
    "ALL_SUBSCRIPTIONS",
    "APP",
    "BOT",
    "BOT_USER",
    "SUBSCRIPTIONS",
    "TEAM",
    "Call",
    "Change",
    "ChangeKind",
    "Delivery",
    "Ephemeral",
    "FaultKind",
    "File",
    "Held",
    "Line",
    "Outcome",
    "StandInSlack",
    "Version",
]
