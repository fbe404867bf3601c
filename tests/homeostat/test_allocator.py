"""The allocator's setting works: pages that polars freed are used again, not faulted in anew."""

import os
import subprocess
import sys

PROGRAM = """
import resource, time
from homeostat.allocator import keep_freed_pages
{call}
import polars as pl
series = pl.Series(range(1_000_000))
def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    series * 2 + 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
step()
time.sleep(1.5)
print(step())
"""


def _faults(call: str) -> int:
    program = [sys.executable, "-c", PROGRAM.format(call=call)]
    # polars tells its own choice to the children of whoever imports it
    clean = {name: value for name, value in os.environ.items() if "RJEM" not in name}
    return int(subprocess.run(program, capture_output=True, check=True, env=clean).stdout)


def test_a_step_does_not_fault_in_again_what_the_one_before_freed() -> None:
    assert _faults("keep_freed_pages()") < _faults("") / 10
