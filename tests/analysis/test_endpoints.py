from analysis.endpoints import calls_of, endpoints_of
from tests.analysis.conftest import Spans


def test_calls_are_summed_per_backend_and_second_failures_apart() -> None:
    spans = Spans()
    for start, end, error in (
        (0, 10, False),
        (100, 130, False),
        (500, 502, True),
        (990, 1010, False),
    ):
        spans.add("web", start, end, kind=3, address="10.0.0.1:80", error=error)
    spans.add("cart", 0, 40, kind=3, address="10.0.0.1:80")
    spans.add("web", 0, 40, kind=3, address="10.0.0.9:80")
    spans.add("web", 0, 40, kind=2)
    table = endpoints_of(spans.table(), {"10.0.0.1:80"})
    assert table["caller"].to_list() == ["cart", "web", "web"]
    first, second = calls_of(table)
    assert (first.end_unix_s, first.call_count, first.error_count) == (0, 4, 1)
    assert (first.ok_ms_sum, first.ok_ms_max, first.busy_ms_sum) == (80.0, 40.0, 82.0)
    assert (second.end_unix_s, second.call_count) == (1, 1)


def test_spans_without_our_backends_give_nothing() -> None:
    spans = Spans()
    spans.add("web", 0, 40, kind=3, address="10.0.0.9:80")
    assert endpoints_of(spans.table(), {"10.0.0.1:80"}).is_empty()
    assert endpoints_of(Spans().table(), {"10.0.0.1:80"}).is_empty()
