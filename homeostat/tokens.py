"""The token that a person needs to give orders: whoever may read the file may give them."""

import os
import secrets
from pathlib import Path
from typing import Final

TOKEN_BYTES: Final = 32
TOKEN_CHARS_MIN: Final = 32


class TokenError(Exception):
    """The file cannot serve; the text says why and what to do."""


def own_token(path: Path) -> str:
    """Return the token of the file, which is made where there is none yet: readable by us alone.

    Raises:
        TokenError: the file cannot be read or made, or holds too little to be a token.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_token(path)
    except OSError as error:
        raise TokenError(f"{path}: cannot be made: {error.strerror}") from error
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with os.fdopen(handle, "w") as file:
        file.write(f"{token}\n")
    return token


def read_token(path: Path) -> str:
    """Return the token of the file.

    Raises:
        TokenError: the file cannot be read, or holds too little to be a token.
    """
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(f"{path}: cannot be read: {error}") from error
    if len(token) < TOKEN_CHARS_MIN:
        raise TokenError(
            f"{path}: expected a token of {TOKEN_CHARS_MIN} characters or more, got {len(token)}"
        )
    return token
