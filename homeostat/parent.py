"""No child outlives its supervisor, not even one that was killed: no service without its owner."""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def end_with(parent_pid: int) -> None:
    """Ask the kernel to end this process with its parent (Linux; elsewhere nothing is asked)."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:  # it went before we asked
        os.kill(os.getpid(), signal.SIGTERM)
