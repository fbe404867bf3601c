"""What will arrive when a pod that is ordered now is ready: level and trend of the arrival rate.

Holt's linear method (Holt 1957, reprinted in International Journal of Forecasting 20, 2004) with a
damped trend (Gardner and McKenzie 1985), and one change: a count that Poisson chance cannot explain
is believed at once, since a flood is not noise that has to be averaged away. A missing count
changes nothing: no data is not zero load.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """Gains and times; all are per sample of `window_s`."""

    window_s: float = 5.0
    level_gain: float = 0.3  # a mean of about six samples
    trend_gain: float = 0.0  # outside of jumps a trend of seconds is mostly chance
    jump_gain: float = 0.8  # of level and trend, for a count that chance cannot explain
    jump_deviations: float = (
        5.0  # of a Poisson count; arrivals come in clumps, Poisson is the least
    )
    damping: float = 0.5  # of the trend, a sample: growth does not go on for ever
    growth_max: float = 2.0  # the forecast is at most so many times the level
    error_gain: float = 0.003  # the usual error is learnt over half an hour
    error_max: float = 0.3  # one flood does not make all that follows uncertain
    error_samples: int = (
        8  # how far ahead errors are looked at: a start-up, and the delays before it
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Level [requests/s] and trend [requests/s a sample]; level None before the first count.

    `error`: mean relative difference of the level to what it was `error_samples` ago (`past`).
    """

    level: float | None = None
    trend: float = 0.0
    error: float = 0.1
    past: tuple[float, ...] = ()

    def seen(self, arrivals_per_s: float, settings: ForecastSettings) -> "Forecast":
        """Return the forecast with one more sample."""
        if self.level is None:
            return Forecast(level=arrivals_per_s, past=(arrivals_per_s,))
        expected = max(self.level + self.trend, 0.0)
        deviation = math.sqrt(max(expected, 1.0) / settings.window_s)
        is_jump = arrivals_per_s - expected > settings.jump_deviations * deviation
        gain = settings.jump_gain if is_jump else settings.level_gain
        slope_gain = settings.jump_gain if is_jump else settings.trend_gain
        level = expected + gain * (arrivals_per_s - expected)
        trend = self.trend + slope_gain * (level - self.level - self.trend)
        off = abs(level - self.past[0]) / max(self.past[0], 1.0)
        error = self.error + settings.error_gain * (min(off, settings.error_max) - self.error)
        past = (*self.past, level)[-settings.error_samples :]
        return Forecast(level=level, trend=trend * settings.damping, error=error, past=past)

    def at(self, horizon_s: float, settings: ForecastSettings) -> float:
        """Return the rate expected `horizon_s` from now; a fall is not foreseen, only a rise."""
        if self.level is None:
            return 0.0
        steps = horizon_s / settings.window_s
        damped = (
            (1.0 - math.pow(settings.damping, steps)) / (1.0 - settings.damping) * settings.damping
        )
        rise = max(self.trend, 0.0) * damped
        return min(self.level + rise, self.level * settings.growth_max)
