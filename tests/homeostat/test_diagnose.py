import pytest

from homeostat.diagnose import TimeError, read_period, read_time


@pytest.mark.parametrize(
    ("text", "unix_s"),
    [
        ("1675079506", 1675079506.0),
        ("1675079506.5", 1675079506.5),
        ("2023-01-30T11:51:46Z", 1675079506.0),
        ("2023-01-30T11:51:46", 1675079506.0),
        ("2023-01-30T12:51:46+01:00", 1675079506.0),
    ],
)
def test_times_are_seconds_or_iso_8601(text: str, unix_s: float) -> None:
    assert read_time(text) == unix_s


def test_a_period_has_two_times_in_order() -> None:
    assert read_period("10..20.5") == (10.0, 20.5)
    for wrong in ("10", "20..10", "10..", "yesterday..20"):
        with pytest.raises(TimeError):
            read_period(wrong)
