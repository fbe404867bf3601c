"""From rows to windows as time goes by: which panes are due, and the window that they end.

`due` is cheap and says what to read; `look` does the work and may run in another thread.
"""

from dataclasses import dataclass, replace

from analysis.buffers import Buffers
from analysis.cardinality import Caps
from analysis.panes import Pane, build_pane
from analysis.recent import together
from analysis.settings import AnalysisSettings
from analysis.slices import TelemetrySlice
from analysis.windows import combine
from knowledge.windows import Gap, WindowTables, gaps_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The panes of the present window; `next_unix_ns` is where the next pane begins.

    `duplicate_count`: requests that came again and were left out, since the start. `folded_count`:
    requests of services and operations beyond the limits, which share a row.
    """

    next_unix_ns: int
    panes: tuple[Pane, ...] = ()
    duplicate_count: int = 0
    gaps: tuple[Gap, ...] = ()
    folded_count: int = 0


def begin(*, now_unix_ns: int, settings: AnalysisSettings, back_s: float = 0.0) -> Watch:
    """Start with the pane that the watermark lies in, or with one `back_s` before."""
    pane_ns = int(settings.pane_s * 1e9)
    watermark_ns = now_unix_ns - int((settings.lateness_s + back_s) * 1e9)
    return Watch(next_unix_ns=watermark_ns // pane_ns * pane_ns)


def next_tick_unix_ns(watch: Watch, settings: AnalysisSettings) -> int:
    """When the next pane may be built: its end, and the lateness that its rows are granted."""
    return watch.next_unix_ns + int((settings.pane_s + settings.lateness_s) * 1e9)


def due(
    watch: Watch, buffers: Buffers, *, now_unix_ns: int, settings: AnalysisSettings
) -> tuple[TelemetrySlice, ...]:
    """Return the spans of each pane that is due, its look-back included; oldest first.

    After a stall, panes that no window will need any more are left out.
    """
    pane_ns = int(settings.pane_s * 1e9)
    watermark_ns = now_unix_ns - int(settings.lateness_s * 1e9)
    lookback_ns = int(settings.lookback_s * 1e9)
    oldest = watermark_ns - int(settings.window_s * 1e9) - pane_ns
    start = max(watch.next_unix_ns, oldest // pane_ns * pane_ns + pane_ns)
    return tuple(
        buffers.slice("traces", begins - lookback_ns, begins + pane_ns)
        for begins in range(start, watermark_ns - pane_ns + 1, pane_ns)
    )


def needed_since_unix_ns(watch: Watch, settings: AnalysisSettings) -> int:
    """Return the event time before which no row is needed, not even to build the window anew."""
    reach_s = settings.window_s + settings.pane_s + settings.lookback_s
    return watch.next_unix_ns - int(reach_s * 1e9)


def skip(watch: Watch, slices: tuple[TelemetrySlice, ...]) -> Watch:
    """Go past panes that could not be built: the ones after them are looked at all the same."""
    end = max((part.end_unix_ns for part in slices), default=watch.next_unix_ns)
    return replace(watch, next_unix_ns=max(end, watch.next_unix_ns))


def look(
    watch: Watch, slices: tuple[TelemetrySlice, ...], *, settings: AnalysisSettings
) -> tuple[Watch, WindowTables]:
    """Build the panes of `slices` and return the window that the last of them ends."""
    pane_ns, window_ns = int(settings.pane_s * 1e9), int(settings.window_s * 1e9)
    panes, added = watch.panes, []
    end, duplicates, folded = watch.next_unix_ns, watch.duplicate_count, watch.folded_count
    gaps = slices[-1].gaps if slices else watch.gaps
    caps = Caps(services=settings.service_count_max, operations=settings.operation_count_max)
    for part in slices:
        end = part.end_unix_ns
        pane = build_pane(
            part,
            start_unix_ns=end - pane_ns,
            linked_span_count_max=settings.linked_span_count_max,
            caps=caps,
        )
        panes = (*panes, pane)
        added.append(pane.recent)
        duplicates += pane.duplicate_count
        folded += pane.folded_count
    panes = tuple(pane for pane in panes if pane.start_unix_ns >= end - window_ns)
    tables = combine(panes, start_unix_ns=end - window_ns, end_unix_ns=end)
    seen_since = end - window_ns - int(settings.lookback_s * 1e9)
    gaps = tuple(gap for gap in gaps if gap.touches(seen_since, end))
    after = Watch(
        next_unix_ns=end,
        panes=panes,
        duplicate_count=duplicates,
        gaps=gaps,
        folded_count=folded,
    )
    return after, replace(tables, gaps=gaps_table(gaps), recent=together(added))
