"""The last outcomes of calls: how many failed and how many were slow, by count or by time.

As in resilience4j: a window of the last n calls (here two integers whose bits are the outcomes), or
one of the last n seconds as partial sums a second. Both are tuples: a
value is made at each call. Adding an outcome gives a new
one.
"""

from typing import Final, NamedTuple

NS_PER_S: Final = 1_000_000_000
Second = tuple[int, int, int, int]


class CountWindow(NamedTuple):
    """The last `size` calls; the lowest bit is the latest."""

    size: int
    calls: int = 0
    failed_bits: int = 0
    slow_bits: int = 0

    def added(self, now_unix_ns: int, *, is_failed: bool, is_slow: bool) -> "CountWindow":
        """Return the window with one more outcome; the oldest one leaves if it is full."""
        del now_unix_ns  # calls are counted, not timed
        mask = (1 << self.size) - 1
        return CountWindow(
            self.size,
            min(self.calls + 1, self.size),
            (self.failed_bits << 1 | is_failed) & mask,
            (self.slow_bits << 1 | is_slow) & mask,
        )

    def counted(self, now_unix_ns: int) -> tuple[int, int, int]:
        """Return calls, failed and slow ones."""
        del now_unix_ns
        return self.calls, self.failed_bits.bit_count(), self.slow_bits.bit_count()


class TimeWindow(NamedTuple):
    """The calls of the last `size` seconds: the latest second, those before it, and their sums.

    A second is (second, calls, failed, slow). One that is before the latest (a clock that was set
    back) counts to the latest.
    """

    size: int
    latest: Second = (-1, 0, 0, 0)
    past: tuple[Second, ...] = ()  # oldest first
    past_sums: tuple[int, int, int] = (0, 0, 0)

    def added(self, now_unix_ns: int, *, is_failed: bool, is_slow: bool) -> "TimeWindow":
        """Return the window with one more outcome."""
        now = now_unix_ns // NS_PER_S
        at, calls, failed, slow = self.latest
        if at >= now:
            latest = (at, calls + 1, failed + is_failed, slow + is_slow)
            return TimeWindow(self.size, latest, self.past, self.past_sums)
        kept = [s for s in (*self.past, self.latest) if s[0] > now - self.size and s[1]]
        sums = sum(s[1] for s in kept), sum(s[2] for s in kept), sum(s[3] for s in kept)
        return TimeWindow(self.size, (now, 1, int(is_failed), int(is_slow)), tuple(kept), sums)

    def merged(self, now_unix_ns: int, *, calls: int, failed: int, slow: int = 0) -> "TimeWindow":
        """Return the window with many outcomes of one second at once."""
        if calls <= 0:
            return self
        window = self.added(now_unix_ns, is_failed=False, is_slow=False)
        at, before, failed_before, slow_before = window.latest
        latest = (at, before + calls - 1, failed_before + failed, slow_before + slow)
        return TimeWindow(self.size, latest, window.past, window.past_sums)

    def counted(self, now_unix_ns: int) -> tuple[int, int, int]:
        """Return calls, failed and slow ones of the seconds that still count."""
        oldest = now_unix_ns // NS_PER_S - self.size
        calls, failed, slow = self.past_sums
        for second in self.past:
            if second[0] > oldest:
                break
            calls, failed, slow = calls - second[1], failed - second[2], slow - second[3]
        latest = self.latest
        if latest[0] <= oldest:
            return calls, failed, slow
        return calls + latest[1], failed + latest[2], slow + latest[3]


Window = CountWindow | TimeWindow
