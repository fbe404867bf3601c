"""Which instance a call went to, as host:port; joined once per different pair, not per span."""

import numpy as np

from receiver.attributes import Picked


def called_address(upstream: Picked, host: Picked, port: Picked) -> Picked:
    """Return the address where it is told.

    What a proxy says of its upstream counts before what a client library says of its peer; a host
    without a port names no instance. `upstream` is host:port in one.
    """
    joined = host.told & port.told & ~upstream.told
    at = np.flatnonzero(joined)
    if not len(at):
        return upstream
    ports = len(port.words)
    codes = host.values[at].astype(np.int64) * ports + port.values[at]
    pairs, pair_of = np.unique(codes, return_inverse=True)
    index = {word: number for number, word in enumerate(upstream.words)}
    numbers = np.array(
        [
            index.setdefault(
                _address(host.words[pair // ports], port.words[pair % ports]), len(index)
            )
            for pair in pairs.tolist()
        ],
        np.int32,
    )
    values = upstream.values.copy()
    values[at] = numbers[pair_of]
    return Picked(values=values, told=upstream.told | joined, words=tuple(index))


def _address(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
