"""Maintenance windows: times of the week in which people are at work and nothing is written."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = get_args(Day)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """From `begins` to `ends` (HH:MM, local to `time_zone`) on `days`.

    Over midnight if it ends earlier than it begins; then it belongs to the day on which it begins.
    `namespaces`: those in which nothing is written meanwhile; none named: all of them.
    """

    begins: str
    ends: str
    days: tuple[Day, ...] = DAYS
    time_zone: str = "UTC"
    namespaces: tuple[str, ...] = ()
    reason: str = "maintenance"

    def __post_init__(self) -> None:
        for name in ("begins", "ends"):
            _minutes(getattr(self, name), name)
        if self.begins == self.ends:
            raise ValueError(f"ends must differ from begins, got {self.ends!r} twice")
        if not self.days:
            raise ValueError("days must name at least one day of the week")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"time_zone must be a name of the IANA database (is tzdata installed?), "
                f"got {self.time_zone!r}"
            ) from error

    def covers(self, namespace: str, *, now_unix_ns: int) -> bool:
        """Whether the window holds in a namespace now."""
        if self.namespaces and namespace not in self.namespaces:
            return False
        local = datetime.fromtimestamp(now_unix_ns // 10**9, UTC).astimezone(
            ZoneInfo(self.time_zone)
        )
        minute = 60 * local.hour + local.minute
        begins, ends = _minutes(self.begins, "begins"), _minutes(self.ends, "ends")
        today = DAYS[local.weekday()]
        if begins < ends:
            return today in self.days and begins <= minute < ends
        yesterday = DAYS[(local - timedelta(days=1)).weekday()]
        return (today in self.days and minute >= begins) or (
            yesterday in self.days and minute < ends
        )


def covering(
    windows: Iterable[MaintenanceWindow], namespace: str, *, now_unix_ns: int
) -> MaintenanceWindow | None:
    """Return the first window that holds in a namespace now."""
    return next((w for w in windows if w.covers(namespace, now_unix_ns=now_unix_ns)), None)


def _minutes(text: str, name: str) -> int:
    hours, colon, minutes = text.partition(":")
    if colon and hours.isdigit() and minutes.isdigit() and len(minutes) == 2:  # noqa: PLR2004 - HH:MM
        total = 60 * int(hours) + int(minutes)
        if int(minutes) < 60 and total <= 24 * 60:  # noqa: PLR2004 - minutes of an hour, of a day
            return total
    raise ValueError(f"{name} must be HH:MM from 00:00 to 24:00, got {text!r}")
