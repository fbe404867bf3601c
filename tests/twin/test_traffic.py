"""What the shop's telemetry looks like from request to request, with nothing wrong."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from knowledge.codec import to_json
from twin.model import NS_PER_MS
from twin.otlp import Encoder
from twin.queueing import offered_load
from twin.shop import SHOP

if TYPE_CHECKING:
    from tests.twin.conftest import Story

Tell = Callable[..., "Story"]


def eventful_bytes(story: "Story") -> bytes:
    said = b""
    encoder = Encoder()
    for fault in ("overload", "bad_release"):
        story.run(10)
        for export in encoder.exports(story.parcels):
            said += export.message.SerializeToString(deterministic=True)
        said += to_json(story.world.report())
        story.world.inject(fault)
    story.restart("cart")
    story.run(20)
    for export in encoder.exports(story.parcels):
        said += export.message.SerializeToString(deterministic=True)
    return said + to_json(story.world.report())


def test_same_seed_and_same_commands_say_the_same(tell: Tell) -> None:
    assert eventful_bytes(tell(seed=5)) == eventful_bytes(tell(seed=5))


def test_another_seed_says_something_else(tell: Tell) -> None:
    assert eventful_bytes(tell(seed=5)) != eventful_bytes(tell(seed=6))


def test_how_time_is_cut_into_advances_changes_nothing(tell: Tell) -> None:
    once, often = tell(), tell()
    whole = {span for parcel in once.run(30).parcels for span in parcel.spans}
    parts = {span for _ in range(30) for parcel in often.run(1).parcels for span in parcel.spans}
    assert whole == parts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_base_load_is_healthy(tell: Tell, seed: int) -> None:
    story = tell(seed=seed).run(120)
    for service in SHOP.services:
        assert story.error_ratio(service.name) < 0.01, service.name
    assert story.p99_ms("frontend") < 500.0
    assert story.error_ratio("frontend") < 0.005


def test_each_service_has_capacity_to_spare() -> None:
    load = offered_load(SHOP, {kind.operation: kind.arrivals_per_s for kind in SHOP.kinds})
    for service in SHOP.services:
        assert 0.15 < load[service.name] / (service.replicas * service.workers) < 0.5, service.name


def test_spans_form_whole_trees(tell: Tell) -> None:
    story = tell().run(30)
    spans = [span for parcel in story.parcels for span in parcel.spans]
    by_id = {span.span_id: span for span in spans}
    assert len(by_id) == len(spans)
    finished = {span.trace_id for span in spans if not span.parent_span_id}
    assert len(finished) > 700
    for span in spans:
        assert span.end_unix_ns >= span.start_unix_ns
        if span.trace_id in finished and span.parent_span_id:
            parent = by_id[span.parent_span_id]
            assert parent.trace_id == span.trace_id
            assert {parent.shape.kind, span.shape.kind} == {"client", "server"}


def test_the_network_lies_between_a_call_and_its_answer(tell: Tell) -> None:
    story = tell().run(20)
    spans = [span for parcel in story.parcels for span in parcel.spans]
    calls = {span.span_id: span for span in spans if span.shape.kind == "client"}
    answered = [span for span in spans if span.parent_span_id in calls]
    for span in answered:
        call = calls[span.parent_span_id]
        there_ns = span.start_unix_ns - call.start_unix_ns
        back_ns = call.end_unix_ns - span.end_unix_ns
        assert 0.2 * NS_PER_MS < there_ns < NS_PER_MS
        assert 0.2 * NS_PER_MS < back_ns < NS_PER_MS


def test_a_call_without_answer_ends_with_the_timeout_while_the_server_goes_on(tell: Tell) -> None:
    story = tell()
    story.world.inject("slow_dependency", "search")
    story.world.inject("overload", "search")
    story.run(30)
    spans = [span for parcel in story.parcels for span in parcel.spans]
    timed_out = {span.span_id: span for span in spans if span.shape.error_type == "timeout"}
    late = [span for span in spans if span.parent_span_id in timed_out]
    assert late
    for span in late:
        assert span.end_unix_ns > timed_out[span.parent_span_id].end_unix_ns - NS_PER_MS


def test_each_failed_request_leaves_an_error_log_with_its_ids(tell: Tell) -> None:
    story = tell()
    story.world.inject("bad_release", "payment")
    story.run(40)
    for parcel in story.parcels:
        failed = {
            (span.trace_id, span.span_id)
            for span in parcel.spans
            if span.shape.kind == "server" and span.shape.status_code >= 500
        }
        logged = {(log.trace_id, log.span_id) for log in parcel.logs if log.severity == "ERROR"}
        assert logged == failed
