"""Processes under test: started on free ports, awaited, and charged as whole trees."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PARENT, _FIRST_TIME, _TIMES = 1, 11, 4  # fields of /proc/PID/stat behind the command's name


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in sockets)


def _stats() -> dict[int, tuple[int, int]]:
    """Return per process its parent and the ticks that it and its reaped children used."""
    stats = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        ticks = sum(map(int, fields[_FIRST_TIME : _FIRST_TIME + _TIMES]))
        stats[int(entry.name)] = (int(fields[_PARENT]), ticks)
    return stats


def tree_cpu_s(root: int) -> float:
    """Return the CPU time in seconds of process `root` and all below it, user and system.

    Source: proc(5), /proc/PID/stat: utime, stime, cutime and cstime.
    """
    stats = _stats()
    tree = {root}
    grown = True
    while grown:
        below = {pid for pid, (parent, _) in stats.items() if parent in tree}
        grown = not below <= tree
        tree |= below
    return sum(stats[pid][1] for pid in tree if pid in stats) / _TICKS_PER_S


@contextlib.contextmanager
def running(command: Sequence[str], *, stop_within_s: float = 15.0) -> Iterator[int]:
    """Run `command` in a process group of its own and yield its id; it is stopped at the end.

    Raises:
        RuntimeError: it ended by itself; with what it said last.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process.pid
            if process.poll() is not None:
                said.seek(0)
                tail = said.read()[-2000:].decode(errors="replace")
                raise RuntimeError(f"{command[0]} ended with {process.returncode}: {tail}")
        finally:
            _stop(process, stop_within_s)


def _stop(process: subprocess.Popen[bytes], within_s: float) -> None:
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def has_ended(pid: int) -> bool:
    """Return whether a child process has ended by itself."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
