from typing import Any

from healing.cluster.kube.names import ACTION
from healing.cluster.kube.patches import patch_of, strayed, touch_of
from knowledge.cluster import Restart, WriteIntent
from knowledge.identity import WorkloadKey

KEY = WorkloadKey(namespace="shop", kind="Deployment", name="cart", uid="u")
INTENT = WriteIntent(
    id="act-1",
    plan_id="p",
    issue_id="i",
    epoch=3,
    change=Restart(target=KEY),
    resource_version="1-x",
    undo=None,
    is_undo=False,
    created_unix_ns=1_800_000_000 * 10**9,
)
LIVE: dict[str, Any] = {
    "metadata": {"uid": "u", "resourceVersion": "7", "name": "cart"},
    "spec": {"replicas": 2, "template": {"spec": {}}},
}
ALLOWED = (
    ("spec", "template", "metadata", "annotations", "x"),
    ("metadata", "annotations", ACTION),
)


def test_parents_that_are_missing_are_made_once_and_in_order() -> None:
    touch = touch_of(INTENT.change, LIVE, None, INTENT.created_unix_ns)
    paths = [f"{step['op']} {step['path']}" for step in patch_of(INTENT, touch, LIVE)]
    assert paths == [
        "test /metadata/uid",
        "test /metadata/resourceVersion",
        "add /spec/template/metadata",
        "add /spec/template/metadata/annotations",
        "add /spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt",
        "add /metadata/annotations",
        "add /metadata/annotations/homeostat.dev~1action",
    ]


def test_a_restart_is_marked_with_the_action_s_own_time() -> None:
    touch = touch_of(INTENT.change, LIVE, None, INTENT.created_unix_ns)
    assert touch.after == "2027-01-15T08:00:00Z"


def test_only_what_the_write_may_touch_may_differ() -> None:
    meta = {"annotations": {"x": "now"}}
    after = {
        "metadata": {**LIVE["metadata"], "resourceVersion": "8", "annotations": {ACTION: "{}"}},
        "spec": {"replicas": 2, "template": {"spec": {}, "metadata": meta}},
        "status": {"replicas": 9},
    }
    assert strayed(LIVE, after, ALLOWED) == []


def test_what_others_add_on_the_way_is_named() -> None:
    meta = {"annotations": {"x": "now", "sidecar": "injected"}}
    after = {
        "metadata": {**LIVE["metadata"], "labels": {"team": "a"}},
        "spec": {"replicas": 3, "template": {"spec": {}, "metadata": meta}},
    }
    assert sorted(strayed(LIVE, after, ALLOWED)) == [
        "metadata/labels",
        "spec/replicas",
        "spec/template/metadata/annotations/sidecar",
    ]
