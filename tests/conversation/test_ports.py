from __future__ import annotations

import inspect
from typing import Protocol

import pytest

from conversation import ports
from conversation.places import Capabilities, Place
from tests.support.words import ROOM

PORTS = [port for _, port in inspect.getmembers(ports, inspect.isclass) if port.__module__ == ports.__name__]


@pytest.mark.parametrize("port", PORTS)
def test_each_port_is_a_protocol_whose_methods_say_what_they_promise(port: type) -> None:
    assert Protocol in port.__mro__
    promised = inspect.getmembers(
        port, lambda member: inspect.isfunction(member) and member.__module__ == port.__module__
    )
    assert promised
    assert [name for name, method in promised if not inspect.getdoc(method)] == []


def test_what_a_platform_does_not_say_is_the_usual() -> None:
    assert Capabilities() == Capabilities(durable_sends=True, can_find=False, can_reach_again=True)
    assert Place(ROOM) == Place(ROOM, reply_to="", person="", direct=True, turn_id="")
