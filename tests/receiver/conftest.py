"""Fixtures: a brain that listens, and receivers in front of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from receiver.settings import ReceiverSettings
from tests.receiver.house import Brain, House, Start


@pytest.fixture
def brain(tmp_path: Path) -> Iterator[Brain]:
    brain = Brain(tmp_path / "brain.sock")
    brain.start()
    yield brain
    brain.stop()


@pytest.fixture
def start(brain: Brain) -> Iterator[Start]:
    """Start receivers in front of `brain`, each with changed settings."""
    houses: list[House] = []

    def start(*, wait: bool = True, **changes: Any) -> House:
        settings = ReceiverSettings(
            **{
                "brain_socket": str(brain.path),
                "grpc_listen": "127.0.0.1:0",
                "http_listen": "127.0.0.1:0",
                **changes,
            }
        )
        houses.append(House(settings, wait=wait))
        return houses[-1]

    yield start
    for house in houses:
        house.stop()
