"""What all sections of the settings have in common."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

PORT_MAX: Final = 65535


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > PORT_MAX:
        raise ValueError("expected host:port with a port of 0 to 65535, such as 127.0.0.1:4317")
    return text


Address = Annotated[str, AfterValidator(_address)]


class Section(BaseModel):
    """One section: it has no other keys, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
