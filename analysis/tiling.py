"""What is left of an owner's time to each of its children, when later ones take theirs first."""

import numpy as np
import polars as pl


def taken_from(owners: pl.Series, begins: pl.Series) -> pl.Series:
    """Return from when on an owner's time is taken by the children that stand before each child.

    Rows stand owner by owner, the children of each in the order in which they take their part. Null
    for the first of each. That is a running minimum per owner. One over all gives it, if what
    each begins with is lower than all before: so places in the order of time are taken in steps of
    their number. A running minimum for each of so many small groups costs twenty times as much.
    """
    count = len(owners)
    if not count:
        return pl.Series(dtype=pl.Int64)
    owner, time = owners.to_numpy(), begins.to_numpy()
    is_first = np.concatenate(([True], owner[1:] != owner[:-1]))
    step = np.cumsum(is_first) * count
    ordered = np.sort(time)
    lowest = np.minimum.accumulate(np.searchsorted(ordered, time) - step) + step
    taken = np.concatenate(([0], ordered[lowest[:-1]]))
    return pl.select(pl.when(~pl.Series(is_first)).then(pl.Series(taken))).to_series()
