"""What a log record says, without the values in it: its template.

A template stands for all records of one statement of a program. Values are whatever has a digit in
it, and what stands behind an equals sign; of a record in JSON only the message counts. That is less
than a parser that learns (Drain, He et al., ICWS 2017), but it needs no state, so all receivers
agree, and a record costs some ten microseconds.
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

READ_BYTES: Final = 180
"""A record's statement shows in its beginning ..."""
READ_JSON_BYTES: Final = 640
"""... and that of one in JSON in its message, which may stand behind other fields."""
TEMPLATE_CHARS: Final = 100
_MESSAGE: Final = r'"(?:message|msg|event|log)"\s*:\s*"(?P<message>(?:[^"\\]|\\.)*)'
_VALUE: Final = r"=[^\s,\])}]*"
_WORD: Final = r"[^\s\[\](){},;:=\"]*\d[^\s\[\](){},;:=\"]*"
_RUN: Final = r"\*(?:[\s:,.;\-]*\*)+"
_STRING_TAG: Final = 0x0A
_MORE: Final = 0x80


def templates(bodies: pa.BinaryArray) -> pa.DictionaryArray:
    """Return the template of each body, which is the bytes of one `AnyValue`."""
    says = pa.array([_text(raw or b"") for raw in bodies.to_pylist()], pa.string())
    message = pc.struct_field(pc.extract_regex(says, _MESSAGE), "message")
    said = pc.utf8_slice_codeunits(pc.coalesce(message, says), 0, READ_BYTES)
    for pattern, mask in ((_VALUE, "=*"), (_WORD, "*"), (_RUN, "*")):
        said = pc.replace_substring_regex(said, pattern, mask)
    cut: pa.DictionaryArray = pc.utf8_slice_codeunits(said, 0, TEMPLATE_CHARS).dictionary_encode()
    return cut


def _text(raw: bytes) -> str:
    """The beginning of a string's `AnyValue` behind its tag and length; others as they are."""
    begin = 0
    if raw[:1] == bytes([_STRING_TAG]):
        begin = 1
        while begin < len(raw) and raw[begin] & _MORE:
            begin += 1
        begin += 1
    size = READ_JSON_BYTES if raw[begin : begin + 1] == b"{" else READ_BYTES
    return raw[begin : begin + size].decode("utf-8", "replace")
