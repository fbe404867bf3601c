from hypothesis import given
from hypothesis import strategies as st

from healing.control.outlier import Outliers, OutlierSettings, most_out
from knowledge.traffic import Calls

S = 1_000_000_000
NAMES = ("a", "b", "c", "d")
SETTINGS = OutlierSettings(jitter_ratio=0.0)


def calls(address: str, second: int, count: int, errors: int) -> Calls:
    return Calls(
        address=address,
        end_unix_s=second,
        call_count=count,
        error_count=errors,
        ok_ms_sum=0.0,
        ok_ms_max=0.0,
        busy_ms_sum=0.0,
    )


def after(known: Outliers, second: int, errors: dict[str, int]) -> Outliers:
    told = tuple(calls(a, second, 30, errors.get(a, 0)) for a in NAMES)
    return known.after(told, NAMES, SETTINGS, now_unix_ns=second * S, rng=lambda: 0.0)


def out(known: Outliers, second: int) -> frozenset[str]:
    return known.ejected(now_unix_ns=second * S)


def test_who_fails_alone_is_out_for_its_time() -> None:
    known = after(Outliers(), 100, {"a": 30})
    assert out(known, 100) == out(known, 129) == {"a"}
    assert out(known, 130) == frozenset()


def test_each_time_is_longer_and_good_behaviour_is_forgotten() -> None:
    known = after(Outliers(), 100, {"a": 30})
    known = after(known, 131, {"a": 30})
    assert out(known, 190) == {"a"}
    assert out(known, 191) == frozenset()
    for second in range(192, 300):
        known = after(known, second, {})
    known = after(known, 301, {})
    for second in range(302, 312):
        known = after(known, second, {"a": 30})
    assert known.instances["a"].times == 1


def test_what_all_do_takes_nobody_out() -> None:
    assert out(after(Outliers(), 100, dict.fromkeys(NAMES, 30)), 100) == frozenset()


def test_few_calls_tell_nothing() -> None:
    told = (calls("a", 100, 19, 19), calls("b", 100, 100, 0))
    known = Outliers().after(told, NAMES, SETTINGS, now_unix_ns=100 * S, rng=lambda: 0.0)
    assert out(known, 100) == frozenset()


@given(
    st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 30), max_size=4), max_size=40)
)
def test_never_more_out_than_the_share_and_all_come_back(seconds: list[dict[str, int]]) -> None:
    known = Outliers()
    for number, errors in enumerate(seconds):
        known = after(known, 100 + number, errors)
        assert len(out(known, 100 + number)) <= most_out(len(NAMES), 0.5) == 2
    assert out(known, 100 + len(seconds) + 301) == frozenset()
