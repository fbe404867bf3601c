from typing import Any

import pytest

from healing.cluster.kube.quantity import parse_quantity
from healing.cluster.kube.releases import bare_template, release_number, version_of

HASH = "pod-template-hash"
RESTARTED = "kubectl.kubernetes.io/restartedAt"


def _template(image: str = "registry/cart:1.2.3", **marks: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "cart", HASH: "abc"}, "annotations": dict(marks)},
        "spec": {"containers": [{"name": "app", "image": image}]},
    }


def test_a_restart_is_the_same_release_and_another_image_is_not() -> None:
    restarted = _template(**{RESTARTED: "2026-01-01T00:00:00Z"})
    assert release_number(_template()) == release_number(restarted)
    assert release_number(_template()) != release_number(_template("registry/cart:1.2.4"))
    assert release_number(_template()) != release_number(_template(other="mark"))


def test_the_order_of_keys_makes_no_release() -> None:
    turned = dict(reversed(_template().items()))
    assert release_number(turned) == release_number(_template())


def test_a_template_to_go_back_to_keeps_its_restarts_and_loses_the_controller_s_label() -> None:
    bare = bare_template(_template(**{RESTARTED: "then"}), restarts=True)
    assert bare["metadata"] == {"labels": {"app": "cart"}, "annotations": {RESTARTED: "then"}}
    assert bare_template({"spec": {}}, restarts=True) == {"spec": {}, "metadata": {}}


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("registry:5000/cart:1.2.3", "1.2.3"),
        ("registry:5000/cart", "latest"),
        ("cart@sha256:0123456789abcdef", "sha256:0123456789ab"),
    ],
)
def test_a_release_is_called_by_its_tag(image: str, version: str) -> None:
    assert version_of(_template(image)) == version


def test_the_version_label_wins() -> None:
    template = _template()
    template["metadata"]["labels"]["app.kubernetes.io/version"] = "7"
    assert version_of(template) == "7"


@pytest.mark.parametrize(
    ("text", "number"),
    [("250m", 0.25), ("2", 2.0), ("128Mi", 2**27), ("1e3", 1000.0), ("12500000n", 0.0125)],
)
def test_quantities_are_read(text: str, number: float) -> None:
    assert parse_quantity(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "m", "abc", "1.2.3Gi"])
def test_what_is_no_quantity_is_none(text: str) -> None:
    assert parse_quantity(text) is None
