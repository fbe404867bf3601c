import json
from pathlib import Path
from typing import Any

import pytest

from healing.settings import HealingSettings
from healing.traffic.envoy import TYPE_URL, answer, discovery_response
from healing.traffic.haproxy import HaproxyError, changes, parse_servers, wanted
from healing.traffic.last_good import write_last_good
from healing.traffic.settings import PoolSettings, TrafficSettings
from knowledge.traffic import Weight

WEIGHTS = (
    Weight(address="10.0.0.1:80", place="in", weight=1.5),
    Weight(address="[fd00::1]:80", place="in", weight=0.5),
    Weight(address="10.0.0.3:80", place="ejected", weight=0.0),
)
STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_uweight srv_port
3 shop 1 a 10.0.0.1 2 100 80
3 shop 2 b fd00::1 2 50 80
3 shop 3 c 10.0.0.3 2 100 80
3 shop 4 other 10.0.0.4 2 7 80
"""


def endpoints(response: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response["resources"][0]["endpoints"][0]["lb_endpoints"]
    return found


def test_envoy_gets_weights_and_who_is_out() -> None:
    status, body = answer({"resource_names": ["shop"], "type_url": TYPE_URL}, {"shop": WEIGHTS})
    assert status == 200
    assert isinstance(body, dict)
    assert [e["load_balancing_weight"] for e in endpoints(body)] == [1500, 500, 1]
    assert [e["health_status"] for e in endpoints(body)] == ["UNKNOWN", "UNKNOWN", "UNHEALTHY"]
    address = endpoints(body)[1]["endpoint"]["address"]["socket_address"]
    assert address == {"address": "fd00::1", "port_value": 80}


def test_what_envoy_has_is_not_sent_again() -> None:
    version = discovery_response({"shop": WEIGHTS})["version_info"]
    asked = {"resource_names": ["shop"], "version_info": version}
    assert answer(asked, {"shop": WEIGHTS})[0] == 304
    assert answer(asked, {"shop": WEIGHTS[:2]})[0] == 200


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ([], 400),
        ({"type_url": "x"}, 400),
        ({"resource_names": [1]}, 400),
        ({"resource_names": ["x"]}, 404),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(asked: Any, status: int) -> None:
    assert answer(asked, {"shop": WEIGHTS})[0] == status


def test_the_last_good_file_judges_nobody_and_is_written_when_it_changes(tmp_path: Path) -> None:
    assert write_last_good(tmp_path / "new", "shop", WEIGHTS)
    assert not write_last_good(tmp_path / "new", "shop", WEIGHTS)
    (file,) = (tmp_path / "new").iterdir()
    assert {e["health_status"] for e in endpoints(json.loads(file.read_text()))} == {"UNKNOWN"}


def test_haproxy_is_told_what_differs_and_strangers_are_left_alone() -> None:
    assert wanted(WEIGHTS) == {"10.0.0.1:80": 150, "[fd00::1]:80": 50, "10.0.0.3:80": 0}
    assert changes(parse_servers(STATE), wanted(WEIGHTS)) == {"a": 150, "c": 0}
    assert wanted((Weight(address="a:1", place="in", weight=5.0),)) == {"a:1": 256}
    with pytest.raises(HaproxyError, match="no state of servers: Can't find backend"):
        parse_servers("Can't find backend.\n")


@pytest.mark.parametrize(
    "backends", [{}, {"cart:80": 1.0}, {"10.0.0.1": 1.0}, {"10.0.0.1:80": 0.0}, {"10.0.0.1:0": 1.0}]
)
def test_a_backend_that_cannot_be_carried_is_refused(backends: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="backends:"):
        PoolSettings(namespace="shop", backends=backends)


def test_settings_that_contradict_are_refused() -> None:
    pool = PoolSettings(namespace="shop", backends={"10.0.0.1:80": 1.0}, haproxy_backend="shop")
    with pytest.raises(ValueError, match="haproxy_socket"):
        TrafficSettings(pools={"a": pool})
    with pytest.raises(ValueError, match="is in a and in b"):
        TrafficSettings(pools={"a": pool, "b": pool}, haproxy_socket="s")


def test_the_lower_of_both_modes_counts() -> None:
    settings = HealingSettings(namespaces={"shop": "auto"})
    assert settings.mode_of_pool("shop", "auto") == "auto"
    assert settings.mode_of_pool("shop", "observe") == "observe"
    assert settings.mode_of_pool("test", "auto") == "observe"
