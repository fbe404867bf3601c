"""The commands of the two sockets, asked over real sockets."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from knowledge.cluster import ClusterReport, Restart, WriteIntent, WriteOutcome
from knowledge.codec import from_json, to_json
from twin.commands import Commands
from twin.model import NS_PER_S
from twin.sender import Sender
from twin.server import SocketServer
from twin.shop import SHOP
from twin.world import World

if TYPE_CHECKING:
    from tests.twin.conftest import Collector, Peer

START_UNIX_NS = 1_800_000_000 * NS_PER_S


@pytest.fixture
def sockets(
    collector: "tuple[Collector, str]", tmp_path: Path, stops: list[bool]
) -> Iterator[Path]:
    sender = Sender(collector[1])
    world = World(SHOP, 7, START_UNIX_NS)
    commands = Commands(world, sender, lambda: stops.append(True))
    servers = [
        SocketServer(tmp_path / "cluster", commands.cluster),
        SocketServer(tmp_path / "control", commands.control),
    ]
    yield tmp_path
    for server in servers:
        server.close()
    sender.close()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def stops() -> list[bool]:
    return []


@pytest.fixture
def control(sockets: Path, connect: "Callable[[Path], Peer]") -> "Peer":
    return connect(sockets / "control")


@pytest.fixture
def cluster(sockets: Path, connect: "Callable[[Path], Peer]") -> "Peer":
    return connect(sockets / "cluster")


def test_all_that_is_sent_is_acknowledged_and_arrives(
    collector: "tuple[Collector, str]", control: "Peer"
) -> None:
    control.advance(10)
    control.ask({"method": "inject", "fault": "bad_release", "service": "payment"})
    answer = control.advance(40)
    assert answer["ok"]
    assert answer["now_unix_ns"] == START_UNIX_NS + 40 * NS_PER_S
    assert answer["sent"] == answer["acknowledged"] == dict(collector[0].accepted)
    assert answer["sent"]["traces"] > 10_000
    assert answer["sent"]["metrics"] > 100
    assert answer["sent"]["logs"] > 10


def test_an_export_that_is_refused_for_good_is_told(
    collector: "tuple[Collector, str]", control: "Peer"
) -> None:
    collector[0].refusals = [(grpc.StatusCode.INVALID_ARGUMENT, None)]
    answer = control.advance(5)
    assert not answer["ok"]
    assert "INVALID_ARGUMENT" in answer["error"]


def test_the_cluster_port_reports_and_writes(control: "Peer", cluster: "Peer") -> None:
    control.advance(5)
    report = from_json(ClusterReport, bytes(cluster.ask({"method": "report"}).body))
    assert report.observed_unix_ns == START_UNIX_NS + 5 * NS_PER_S
    target = next(w for w in report.workloads if w.key.name == "cart")
    intent = WriteIntent(
        id="intent-1",
        plan_id="plan",
        issue_id="issue",
        epoch=1,
        change=Restart(target=target.key),
        resource_version=target.resource_version,
        undo=None,
        is_undo=False,
        created_unix_ns=report.observed_unix_ns,
    )
    answer = cluster.ask({"method": "write"}, to_json(intent))
    outcome = from_json(WriteOutcome, bytes(answer.body))
    assert (outcome.intent_id, outcome.status) == ("intent-1", "applied")
    truth = control.ask({"method": "truth"}).header
    assert [write["intent_id"] for write in truth["writes"]] == ["intent-1"]
    assert set(truth["services"]["cart"]) == {"utilisation", "queue", "replicas", "revision"}


def test_the_cluster_port_knows_nothing_of_faults(cluster: "Peer") -> None:
    for method in ("truth", "inject", "advance", "stop"):
        answer = cluster.ask({"method": method}).header
        assert answer == {"ok": False, "error": f"unknown method {method!r}"}


@pytest.mark.parametrize(
    "header",
    [
        {"method": "dance"},
        {},
        {"method": "advance"},
        {"method": "advance", "to_unix_ns": "soon"},
        {"method": "inject"},
        {"method": "inject", "fault": "earthquake"},
        {"method": "inject", "fault": "crash_loop", "service": "warehouse"},
    ],
)
def test_a_wrong_command_is_told_and_the_next_one_served(
    control: "Peer", header: dict[str, Any]
) -> None:
    refusal = control.ask(header).header
    assert refusal["ok"] is False
    assert refusal["error"]
    assert control.ask({"method": "truth"}).header["ok"]


def test_a_body_that_is_no_intent_is_told(cluster: "Peer") -> None:
    assert cluster.ask({"method": "write"}, b'{"id": 1}').header["ok"] is False
    assert cluster.ask({"method": "report"}).header["ok"]


def test_stop_is_answered_and_passed_on(control: "Peer", stops: list[bool]) -> None:
    assert control.ask({"method": "stop"}).header == {"ok": True}
    assert stops == [True]


def test_a_stranger_is_hung_up_on_and_others_are_served(
    sockets: Path, connect: "Callable[[Path], Peer]"
) -> None:
    stranger = connect(sockets / "control")
    assert stranger.say(b"\xff" * 64) == b""
    assert connect(sockets / "control").ask({"method": "truth"}).header["ok"]


def test_a_socket_left_behind_by_another_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "left").touch()
    server = SocketServer(tmp_path / "left", lambda _: ({"ok": True}, b""))
    server.close()
    assert not (tmp_path / "left").exists()
