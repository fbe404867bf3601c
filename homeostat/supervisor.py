"""`homeostat run`: the brain and its receivers as child processes, each restarted when it ends.

A receiver that dies on hostile bytes is back within a second, and nothing else notices.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from homeostat.settings import Settings

RESTART_DELAYS_S: Final = (0.0, 0.2, 0.4, 0.6)
"""Waits before successive restarts of a child that keeps ending soon; the last one stays."""
SOON_S: Final = 5.0
CHILD_ENVIRON: Final = {
    # one thread builds a window with a fifth less CPU than two, and in time
    "POLARS_MAX_THREADS": "1",
}
"""What our children run with unless the environment says otherwise."""
STOP_DEADLINE_S: Final = 15.0
HOPELESS_CODES: Final = (2, 3)
"""What a child ends with that told why it cannot run: an address is taken, settings are wrong.

A child that was killed, by hostile bytes or by the kernel, is started again however often.
"""


class _Child:
    """One child process that is kept running."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        self.name = name
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self) -> int:
        """Start the child again and again; return its exit code when it is no use."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", *self._arguments, env={**CHILD_ENVIRON, **os.environ}
            )
            _tell(f"{self.name} started pid={self._process.pid}")
            code = await self._process.wait()
            failures = 0 if loop.time() - began > SOON_S else failures + 1
            _tell(f"{self.name} ended code={code}")
            if code in HOPELESS_CODES:
                return code
            await asyncio.sleep(RESTART_DELAYS_S[min(failures, len(RESTART_DELAYS_S) - 1)])

    async def stop(self) -> None:
        """Ask the child to end, and end it if it does not."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_DEADLINE_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _tell(text: str) -> None:
    sys.stderr.write(f"homeostat: {text}\n")
    sys.stderr.flush()


async def _supervise(settings: Settings, config: Path | None) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    parent = str(os.getpid())
    where = ["--config", str(config)] if config else []
    brain = _Child("brain", ["homeostat", "brain", "--parent", parent, *where])
    received = json.dumps(asdict(settings.for_receiver()))
    receivers = [
        _Child(f"receiver-{index}", ["homeostat.receiver_child", parent, received])
        for index in range(settings.receiver.processes)
    ]
    keepers = [asyncio.create_task(child.keep()) for child in (brain, *receivers)]
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([*keepers, stopping], return_when=asyncio.FIRST_COMPLETED)
    code = next((task.result() for task in keepers if task in done), 0)
    for task in (*keepers, stopping):
        task.cancel()
    # receivers first: what they have in hand still finds the brain
    await asyncio.gather(*(child.stop() for child in receivers))
    await brain.stop()
    return int(code != 0)


def run(settings: Settings, config: Path | None) -> int:
    """Supervise until told to stop; return the exit code."""
    return asyncio.run(_supervise(settings, config))
