"""Which autoscaler is the one to talk to, and how a floor and a boost are written on it."""

from typing import Any

import msgspec
import pytest

from healing.cluster.kube.boosts import boost_note, boost_of
from healing.cluster.kube.names import BOOST
from healing.cluster.kube.objects import Meta, ScalerObject
from healing.cluster.kube.patches import patch_of, touch_of
from healing.cluster.kube.scalers import scaler_of
from knowledge.boosts import boost_after
from knowledge.cluster import SetFloor, WriteIntent
from knowledge.identity import WorkloadKey

KEY = WorkloadKey(namespace="shop", kind="Deployment", name="cart", uid="u")
AT = 1_800_000_000 * 10**9


def made(name: str, spec: dict[str, Any] | None = None, **meta: Any) -> ScalerObject:
    body = {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", **meta},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}, **(spec or {})},
    }
    return msgspec.convert(body, ScalerObject)


def found(keda: tuple[ScalerObject, ...], plain: tuple[ScalerObject, ...]) -> Any:
    meta = Meta(name="cart", namespace="shop")
    return scaler_of(meta, "Deployment", scaled_objects=keda, autoscalers=plain)


def test_keda_is_talked_to_and_not_the_autoscaler_that_it_made() -> None:
    owner = {"kind": "ScaledObject", "name": "so", "uid": "uid-so", "controller": True}
    hpa = made("keda-hpa", {"minReplicas": 1, "maxReplicas": 9}, ownerReferences=[owner])
    scaler = found((made("so", {"maxReplicaCount": 9}),), (hpa,))
    assert (scaler.kind, scaler.name, scaler.floor, scaler.ceiling) == (
        "ScaledObject",
        "so",
        None,
        9,
    )


def test_an_autoscaler_that_an_operator_made_is_the_operator_s() -> None:
    owner = {"kind": "Shop", "name": "main", "uid": "s", "controller": True}
    scaler = found(
        (), (made("hpa", {"minReplicas": 2, "maxReplicas": 4}, ownerReferences=[owner]),)
    )
    assert scaler.steered_by == "its operator: Shop main"


def test_another_workload_s_autoscaler_is_none() -> None:
    other = made("hpa", {"scaleTargetRef": {"kind": "StatefulSet", "name": "cart"}})
    assert found((), (other,)) is None


def test_its_token_moves_with_what_is_wanted_and_not_with_status() -> None:
    first = made("hpa", {"minReplicas": 2})
    assert first.token() == made("hpa", {"minReplicas": 2}, resourceVersion="99").token()
    assert first.token() != made("hpa", {"minReplicas": 3}).token()
    assert first.token() != made("hpa", {"minReplicas": 2}, annotations={"a": "b"}).token()


def _intent(floor: int | None, before: int | None, boost_s: float | None) -> WriteIntent:
    change = SetFloor(
        target=KEY,
        scaler_kind="ScaledObject",
        scaler_name="so",
        scaler_uid="uid-so",
        floor=floor,
        floor_before=before,
        boost_s=boost_s,
    )
    return WriteIntent(
        id="act-1",
        plan_id="p",
        issue_id="i",
        epoch=1,
        change=change,
        resource_version="t",
        undo=None,
        is_undo=False,
        created_unix_ns=AT,
    )


def _paths(intent: WriteIntent, live: dict[str, Any]) -> list[str]:
    touch = touch_of(intent.change, live, None, intent.created_unix_ns)
    return [f"{step['op']} {step['path']}" for step in patch_of(intent, touch, live)]


def test_a_floor_that_was_not_named_is_added_and_removed_again() -> None:
    meta: dict[str, Any] = {"uid": "uid-so", "resourceVersion": "7"}
    up = _intent(4, None, 60.0)
    assert _paths(up, {"metadata": meta, "spec": {}}) == [
        "test /metadata/uid",
        "test /metadata/resourceVersion",
        "add /spec/minReplicaCount",
        "add /metadata/annotations",
        "add /metadata/annotations/homeostat.dev~1action",
        "add /metadata/annotations/homeostat.dev~1boost",
    ]
    assert isinstance(up.change, SetFloor)
    boost = boost_after(up.change, None, action_id="act-1", at_unix_ns=AT)
    assert boost is not None
    live = {
        "metadata": {**meta, "annotations": {BOOST: boost_note(boost)}},
        "spec": {"minReplicaCount": 4},
    }
    assert _paths(_intent(None, 4, None), live) == [
        "test /metadata/uid",
        "test /metadata/resourceVersion",
        "test /spec/minReplicaCount",
        "remove /spec/minReplicaCount",
        "add /metadata/annotations/homeostat.dev~1action",
        "remove /metadata/annotations/homeostat.dev~1boost",
    ]


def test_a_boost_is_read_as_it_was_written() -> None:
    change = _intent(4, None, 60.0).change
    assert isinstance(change, SetFloor)
    boost = boost_after(change, None, action_id="act-1", at_unix_ns=AT)
    assert boost is not None
    assert boost_of({BOOST: boost_note(boost)}) == boost


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id":"a","of":"cpu"}', "null"])
def test_what_is_no_boost_is_none(text: str) -> None:
    assert boost_of({BOOST: text}) is None
    assert boost_of({}) is None
