"""Maintenance windows: local time, over midnight, over the change of clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healing.maintenance import DAYS, Day, MaintenanceWindow, covering


def _ns(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 10**9


def test_it_holds_from_its_begin_up_to_its_end() -> None:
    window = MaintenanceWindow(begins="09:00", ends="17:30", days=("mon",))
    assert not window.covers("shop", now_unix_ns=_ns("2026-11-23T08:59:59"))
    assert window.covers("shop", now_unix_ns=_ns("2026-11-23T09:00:00"))
    assert window.covers("shop", now_unix_ns=_ns("2026-11-23T17:29:59"))
    assert not window.covers("shop", now_unix_ns=_ns("2026-11-23T17:30:00"))
    assert not window.covers("shop", now_unix_ns=_ns("2026-11-24T12:00:00"))


def test_over_midnight_it_belongs_to_the_day_on_which_it_begins() -> None:
    window = MaintenanceWindow(begins="22:00", ends="02:00", days=("sat",))
    assert window.covers("shop", now_unix_ns=_ns("2026-11-28T23:00:00"))
    assert window.covers("shop", now_unix_ns=_ns("2026-11-29T01:59:00"))
    assert not window.covers("shop", now_unix_ns=_ns("2026-11-28T01:00:00"))
    assert not window.covers("shop", now_unix_ns=_ns("2026-11-29T22:30:00"))


def test_it_follows_the_clock_on_the_wall_of_its_place() -> None:
    window = MaintenanceWindow(begins="03:00", ends="04:00", time_zone="Europe/Berlin")
    for day in ("2026-03-28", "2026-03-29", "2026-10-25", "2026-10-26"):
        inside = _ns(f"{day}T03:30:00", "Europe/Berlin")
        assert window.covers("shop", now_unix_ns=inside)
        assert not window.covers("shop", now_unix_ns=inside + 3600 * 10**9)


def test_it_holds_in_the_namespaces_that_it_names() -> None:
    windows = (MaintenanceWindow(begins="00:00", ends="24:00", namespaces=("shop",)),)
    now = _ns("2026-11-23T12:00:00")
    assert covering(windows, "shop", now_unix_ns=now) is windows[0]
    assert covering(windows, "bank", now_unix_ns=now) is None


@given(
    begins=st.integers(0, 1439),
    length=st.integers(1, 1439),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    minute=st.integers(0, 7 * 1440 - 1),
)
def test_it_is_what_counting_minutes_says(
    begins: int, length: int, days: set[Day], minute: int
) -> None:
    ends = (begins + length) % 1440
    window = MaintenanceWindow(
        begins=f"{begins // 60:02}:{begins % 60:02}",
        ends=f"{ends // 60:02}:{ends % 60:02}",
        days=tuple(days),
    )
    now = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=minute)  # a Monday
    starts = [1440 * (DAYS.index(day) + 7 * week) + begins for day in days for week in (-1, 0)]
    expected = any(start <= minute < start + length for start in starts)
    assert window.covers("shop", now_unix_ns=int(now.timestamp()) * 10**9) == expected


@pytest.mark.parametrize(
    ("bent", "message"),
    [
        ({"begins": "9"}, "begins must be HH:MM"),
        ({"ends": "24:01"}, "ends must be HH:MM"),
        ({"begins": "12:60"}, "begins must be HH:MM"),
        ({"ends": "09:00"}, "ends must differ"),
        ({"days": ()}, "at least one day"),
        ({"time_zone": "Mars/Olympus"}, "time_zone must be"),
    ],
)
def test_what_is_no_window_is_refused_by_name(bent: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"begins": "09:00", "ends": "17:00", **bent}
    with pytest.raises(ValueError, match=message):
        MaintenanceWindow(**given)
