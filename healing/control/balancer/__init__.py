"""Weights of a pool's backends from what their callers tell of them. Pure.

The way through: `loads` (calls to figures), a policy (figures to wishes), `governor` (wishes to
weights that may be given). They complement the choice per request of the proxy (least request, for
one), which knows more of the last millisecond than any telemetry does; they do not replace it.
"""
