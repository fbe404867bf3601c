"""One real program under test: on loopback, logging to a file, gone when the test run is gone."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1
START_DEADLINE_S: Final = 60.0
STOP_DEADLINE_S: Final = 15.0
TAIL_LINES: Final = 30
_running: Final[dict[int, "Process"]] = {}


class PartError(Exception):
    """A part did not start, or ended; the text has the end of its log."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody takes connections on a port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Process:
    """A program in a process group of its own; the kernel ends it when its starter dies.

    Start it from the main thread: the kernel takes the end of the starting thread for death.
    """

    def __init__(
        self, command: Sequence[str | Path], *, log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self.name = Path(command[0]).name
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environ or {})},
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one C call, no lock of Python's
            )
        _running[self._child.pid] = self

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group."""
        return self._child.pid

    def wait_until(
        self, is_ready: Callable[[], bool], deadline_s: float = START_DEADLINE_S
    ) -> Self:
        """Wait until it is ready.

        Raises:
            PartError: it ended, or is not ready in time.
        """
        deadline = time.monotonic() + deadline_s
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise PartError(
                    f"{self.name} is not ready within {deadline_s:.0f} s:\n{self.tail()}"
                )
            time.sleep(0.05)
        return self

    def check(self) -> None:
        """Check that it still runs.

        Raises:
            PartError: it ended.
        """
        if self._child.poll() is not None:
            raise PartError(f"{self.name} ended with {self._child.returncode}:\n{self.tail()}")

    def wait(self, deadline_s: float) -> int:
        """Return the exit code of a program that ends by itself.

        Raises:
            PartError: it does not end in time.
        """
        try:
            return self._child.wait(deadline_s)
        except subprocess.TimeoutExpired as error:
            raise PartError(f"{self.name} does not end:\n{self.tail()}") from error

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; one that is gone already does not mind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> int:
        """End it, gently first; return its exit code. Safe to call twice."""
        _running.pop(self._child.pid, None)
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(deadline_s)
        self.signal(signal.SIGKILL)  # whatever it left in its group
        return self._child.wait()

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join((f"--- end of {self.log}", *lines))


def running() -> tuple[Process, ...]:
    """The processes that were started and not stopped: a failing test shows their logs."""
    return tuple(_running.values())


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
