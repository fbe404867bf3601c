"""Frozen values: as JSON and back they are the same, and bad ones are refused."""

import pytest
from pydantic import ValidationError

from knowledge.bounds import require_positive
from knowledge.cluster import Change, Restart, RollBackRelease, Scale
from knowledge.codec import from_json, to_json
from knowledge.frames import FrameAnswer, FrameHead
from knowledge.identity import ServiceKey, WorkloadKey
from knowledge.schemas import SPANS, SchemaError, conform

KEY = WorkloadKey(namespace="shop", kind="Deployment", name="back", uid="u")


@pytest.mark.parametrize(
    "change",
    [
        Scale(target=KEY, replicas=4, replicas_before=2),
        Restart(target=KEY),
        RollBackRelease(target=KEY, revision=1, revision_before=2),
    ],
)
def test_a_change_keeps_its_kind_through_json(change: Change) -> None:
    assert from_json(Change, to_json(change)) == change  # type: ignore[arg-type]  # a union


def test_json_that_is_no_such_value_is_refused() -> None:
    with pytest.raises(ValidationError):
        from_json(WorkloadKey, b'{"namespace": "shop"}')


def test_a_frames_head_survives_its_header() -> None:
    head = FrameHead(epoch="e", sequence=7, signal="traces", rows=3)
    assert FrameHead.from_header(head.as_header()) == head
    answer = FrameAnswer(epoch="e", sequence=7, outcome="full", reason="why")
    assert FrameAnswer.from_header(answer.as_header()) == answer


@pytest.mark.parametrize("broken", [{"signal": "profiles"}, {"sequence": None}])
def test_a_header_that_is_no_frames_head_is_refused(broken: dict[str, object]) -> None:
    header = FrameHead(epoch="e", sequence=7, signal="traces", rows=3).as_header()
    if None in broken.values():
        header.pop(next(iter(broken)))
    else:
        header.update(broken)
    with pytest.raises(ValueError, match=next(iter(broken))):
        FrameHead.from_header(header)


def test_a_wrong_table_is_named_with_its_first_wrong_column() -> None:
    with pytest.raises(SchemaError, match="here: column 0"):
        conform(SPANS.remove(0), SPANS, "here")
    with pytest.raises(SchemaError, match="1 columns too many"):
        conform(SPANS.append(SPANS.field(0).with_name("more")), SPANS, "here")


def test_names_read_like_names() -> None:
    assert str(ServiceKey(namespace="", name="front")) == "front"
    assert str(ServiceKey(namespace="shop", name="front")) == "shop/front"
    assert str(KEY) == "Deployment shop/back"


def test_a_bound_names_the_field_the_value_and_what_was_wanted() -> None:
    with pytest.raises(ValueError, match="replicas must be above 0, got 0"):
        require_positive(Scale(target=KEY, replicas=0, replicas_before=2))
