"""The emergency stop and the token file: what is there counts, and what cannot be read too."""

from pathlib import Path

import pytest

from homeostat.emergency_stop import EmergencyStop
from homeostat.tokens import TokenError, own_token, read_token


def test_no_file_stops_nothing(tmp_path: Path) -> None:
    assert EmergencyStop(tmp_path / "stop").reason() is None


def test_an_empty_file_stops_all(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    assert EmergencyStop(tmp_path / "stop").reason() == f"{tmp_path / 'stop'} is there"


def test_the_file_may_say_why(tmp_path: Path) -> None:
    (tmp_path / "stop").write_bytes(b"migration \xff until noon\nmore\n")
    assert EmergencyStop(tmp_path / "stop").reason() == f"{tmp_path}/stop: migration � until noon"


def test_what_cannot_be_read_stops_all(tmp_path: Path) -> None:
    (tmp_path / "stop").mkdir()
    assert "cannot be read" in (EmergencyStop(tmp_path / "stop").reason() or "")


def test_a_folder_that_a_person_named_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "typo" / "stop"
    assert EmergencyStop(path).reason() is None
    assert "is not there" in (EmergencyStop(path, is_named=True).reason() or "")


def test_a_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = own_token(path)
    assert len(token) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert own_token(path) == read_token(path) == token


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 64])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(TokenError, match="token"):
        own_token(tmp_path / "token")


def test_a_token_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="cannot be read"):
        read_token(tmp_path / "token")
    with pytest.raises(TokenError, match="cannot be made"):
        own_token(tmp_path / "nowhere" / "token")
