"""Which SERVER spans are no requests of anybody: health checks, and streams that stay open.

A probe every second would make a service look fast and busy, a socket that is open for an hour
would be its p99. Both lose their kind, so that no figure of requests counts them; they stay in
their traces.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from receiver.attributes import Picked
from receiver.nesting import Bytes, Mask

STREAM_S_MIN: Final = 300.0
"""Nobody waits for an answer this long: proxies and browsers give up before."""
_CHECK: Final = (
    r"(^|\s)/?grpc\.health\.v1\.Health/|(^|\s)/(healthz|livez|readyz|health|ready|ping|metrics)/?$"
)
"""Span names of the usual probes: method and route, or the gRPC health service."""
_SWITCHING_PROTOCOLS: Final = 101
_SERVER: Final = 2
_UNSPECIFIED: Final = 0


def kinds(
    kind: Bytes,
    names: pa.Array,
    http: Picked,
    start_unix_ns: NDArray[np.int64],
    end_unix_ns: NDArray[np.int64],
) -> Bytes:
    """Return the kinds, 0 for SERVER spans that are no requests."""
    is_stream = (end_unix_ns - start_unix_ns) >= int(STREAM_S_MIN * 1e9)
    if http.told.any():
        is_stream = is_stream | is_switch(http)
    # names repeat: each is looked at once
    coded = names.dictionary_encode()
    is_checked: Mask = is_check(coded.dictionary)[coded.indices.to_numpy()]
    is_none = (is_stream | is_checked) & (kind == _SERVER)
    return np.where(is_none, np.uint8(_UNSPECIFIED), kind) if is_none.any() else kind


def is_switch(http: Picked) -> Mask:
    """Return what was answered by another protocol: a socket that stays open."""
    found: Mask = http.told & (http.values == _SWITCHING_PROTOCOLS)
    return found


def is_check(names: pa.StringArray) -> Mask:
    """Return which names or routes are those of health checks."""
    found: Mask = pc.match_substring_regex(names, _CHECK, ignore_case=True).to_numpy(
        zero_copy_only=False
    )
    return found
