"""Controllers: pure classes with `step(state, input, *, now_unix_ns) -> (state, output)`.

No clock, no chance and no I/O in here; each file is one algorithm and names its source. What
carries a decision out is elsewhere, and passes the guards.
"""
