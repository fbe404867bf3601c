import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.parts import build, cache
from tests.parts.process import PartError, Process, free_port, listens, running
from tests.parts.recipes import KWOK, PARTS

SERVER = (
    "import socket,sys,time;s=socket.create_server(('127.0.0.1',int(sys.argv[1])));time.sleep(60)"
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_a_part_that_is_not_built_skips_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="run `make parts`"):
        cache.need(KWOK)


def test_in_ci_a_part_that_is_not_built_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"kwok 0\.8\.0 is not built"):
        cache.need(KWOK)


def test_a_part_of_another_recipe_counts_as_not_built() -> None:
    cache.place(KWOK).mkdir(parents=True)
    cache.stamp(KWOK).write_text("of another recipe")
    assert not cache.is_built(KWOK)
    cache.stamp(KWOK).write_text(cache.digest(KWOK))
    assert cache.need(KWOK) == cache.place(KWOK)


def test_without_go_the_build_fails_in_ci_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    monkeypatch.setenv("PATH", str(home))
    monkeypatch.delenv("CI", raising=False)
    assert build.main([KWOK.name]) == 0
    monkeypatch.setenv("CI", "true")
    assert build.main([KWOK.name]) == 1
    assert "needs go" in capsys.readouterr().err


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["nonsense"]) == 2
    assert "no such part: nonsense" in capsys.readouterr().err


def test_each_recipe_pins_its_modules() -> None:
    for part in PARTS.values():
        assert any((part.folder / name).is_file() for name in ("go.sum", "package-lock.json"))


def test_a_process_is_waited_for_and_ended_with_all_its_group(home: Path) -> None:
    port = free_port()
    process = Process([sys.executable, "-c", SERVER, str(port)], log=home / "log")
    process.wait_until(lambda: listens(port))
    assert process in running()
    assert process.stop() == -signal.SIGTERM
    assert process not in running()
    assert not listens(port)


def test_a_process_that_ends_says_why(home: Path) -> None:
    process = Process([sys.executable, "-c", "raise SystemExit('no disk')"], log=home / "log")
    with pytest.raises(PartError, match=r"ended with 1:(.|\n)*no disk"):
        process.wait_until(lambda: False)
    process.stop()


def test_no_process_outlives_its_starter(home: Path) -> None:
    port = free_port()
    starter = f"""
import os, sys
from pathlib import Path
from tests.parts.process import Process, listens
part = Process([sys.executable, "-c", {SERVER!r}, "{port}"], log=Path({str(home / "log")!r}))
part.wait_until(lambda: listens({port}))
print(part.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", starter],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    deadline = time.monotonic() + 10
    while listens(port) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not listens(port)
