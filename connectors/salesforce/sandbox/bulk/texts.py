"""CSV as the Bulk API reads and writes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from connectors.salesforce.sandbox.refusals import Refused

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
NULL = "#N/A"


def read(body: bytes, delimiter: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows; `Refused` for what is no UTF-8 or no table."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("InvalidBatch", "InvalidBatch : the data is not UTF-8") from None
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter]))
    filled = [line for line in lines if line]
    if not filled:
        return [], []
    header = [word.strip() for word in filled[0]]
    return header, filled[1:]


def write(header: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str, ending: str) -> bytes:
    """A table, every value in quotes."""
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=DELIMITERS[delimiter], lineterminator=ENDINGS[ending], quoting=csv.QUOTE_ALL
    )
    writer.writerow(header)
    writer.writerows([[word(value) for value in row] for row in rows])
    return out.getvalue().encode()


def word(value: Any) -> str:
    """A value as a cell: nothing for null, date-times with a Z."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if len(text) == 28 and text.endswith("+0000") and text[10] == "T":
        return text.replace("+0000", "Z")
    return text


def cell(text: str) -> Any:
    """What a cell says: `#N/A` empties the field; an empty one says nothing, and is left out before."""
    return None if text == NULL else text
