"""`homeostat run` as its user meets it: safe without a cluster, clear about mistakes."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.whole


def _homeostat(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "homeostat", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_without_a_cluster_it_observes_and_says_so(service: Any) -> None:
    status = service.status()
    assert status["mode"] == "observe"
    assert status["notes"] == ["no cluster is configured: observing only"]
    assert "no cluster is configured: observing only" in service.log.read_text()


def test_wrong_settings_end_with_2_before_a_socket_opens(tmp_path: Path) -> None:
    config = tmp_path / "homeostat.yaml"
    config.write_text("receiver: {grpc: {listen: here}}\nhealing: {mode: yes-please}\n")
    done = _homeostat("run", "--config", str(config), HOMEOSTAT_STATE_DIR=str(tmp_path / "s"))
    assert done.returncode == 2
    assert "receiver.grpc.listen: got 'here': expected host:port" in done.stderr
    assert "healing.mode: got 'yes-please': input should be 'observe'" in done.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("part", ["receiver", "brain"])
def test_a_port_that_is_taken_is_named_with_a_remedy(tmp_path: Path, part: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = _homeostat(
            part,
            HOMEOSTAT_STATE_DIR=str(tmp_path),
            HOMEOSTAT_KNOWLEDGE__JOURNAL=str(tmp_path / "j.db"),
            HOMEOSTAT_RECEIVER__GRPC__LISTEN=address,
            HOMEOSTAT_STATUS__LISTEN=address,
        )
    assert done.returncode == 3
    assert address in done.stderr
    assert ".listen" in done.stderr


def test_status_prints_the_same_as_a_table(service: Any) -> None:
    done = _homeostat("status", "--url", f"http://{service.web}")
    assert done.returncode == 0
    assert "mode observe" in done.stdout
    assert "no issues" in done.stdout


def test_status_without_a_service_says_so() -> None:
    done = _homeostat("status", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "is the service running?" in done.stderr


def test_replay_of_no_journal_says_so(tmp_path: Path) -> None:
    done = _homeostat("replay", str(tmp_path / "none.db"))
    assert done.returncode == 2
    assert "none.db" in done.stderr


def test_a_stop_ends_all_processes(service: Any) -> None:
    pids = [*service.pids("brain"), *service.pids("receiver-0")]
    assert service.stop() == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_child_outlives_a_killed_supervisor(service: Any) -> None:
    pids = [*service.pids("brain"), *service.pids("receiver-0")]
    service.process.kill()
    service.process.wait()

    def are_gone() -> bool:
        return not any(Path(f"/proc/{pid}/cmdline").exists() and _is_alive(pid) for pid in pids)

    service.let_go()
    service.process.poll = lambda: None  # it was meant to end
    service.until(are_gone)
    service.process.poll = lambda: 0


def _is_alive(pid: int) -> bool:
    """A process that has ended but that nobody has waited for is as good as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
