"""Which list an item is in: how nested columns are followed without copying them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Indices = npt.NDArray[np.signedinteger[Any]]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


def parent_indices(lists: pa.ListArray) -> Indices:
    """Return per item of `lists`, which is not sliced, the index of its list."""
    offsets = lists.offsets.to_numpy()
    return np.repeat(np.arange(len(lists)), offsets[1:] - offsets[:-1])
