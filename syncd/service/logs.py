"""Logging of the daemon: one line an event, as text or JSON, redacted as the very last step.

Of an exception that is none of ours the log tells its type and the way to it, never its text: that may quote
what people typed.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

import orjson
from loguru import logger

from syncd.core.errors import SyncdError
from syncd.service.redact import Redactor

if TYPE_CHECKING:
    from loguru import Message

TEXT = "{time:YYYY-MM-DD HH:mm:ss.SSS!UTC}Z {level: <7} {message}"
NOISY = ("aiohttp.access", "alembic", "asyncio")


def start_logging(level: str, *, json: bool, redact: Redactor, stream: TextIO | None = None) -> None:
    """Send loguru's and the standard library's records to `stream` (standard error)."""
    logger.remove()
    write_to(stream or sys.stderr, level, json=json, redact=redact)
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.NOTSET, force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def write_to(stream: TextIO, level: str, *, json: bool, redact: Redactor) -> None:
    """Send loguru's records to one more stream."""
    sink = _json_sink(stream, redact) if json else _text_sink(stream, redact)
    # diagnose would print the values of variables, a person's among them
    logger.add(sink, level=level.upper(), format=_line, diagnose=False, backtrace=False, catch=True)


def _line(_: object) -> str:
    return TEXT + "\n"  # a format that is no function would print exceptions with their text


def _trace(error: BaseException | None) -> str:
    """The way to an exception and what it was raised from, with the texts of our own errors only."""
    if error is None:
        return ""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    frames = [f"  {f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    said = f": {error}" if isinstance(error, SyncdError) else ""
    before = [_trace(cause)] if cause is not None else []
    return "\n".join([*before, *frames, f"{type(error).__name__}{said}"])


def _text_sink(stream: TextIO, redact: Redactor) -> Callable[[Message], None]:
    def write(message: Message) -> None:
        head, said = str(message)[:24], str(message)[24:]  # the time is ours, and looks like a phone number
        raised = message.record["exception"]
        trace = "" if raised is None else _trace(raised.value) + "\n"
        stream.write(head + redact(said + trace))
        stream.flush()

    return write


def _json_sink(stream: TextIO, redact: Redactor) -> Callable[[Message], None]:
    def write(message: Message) -> None:
        record = message.record
        line = {
            "time": record["time"].isoformat(),
            "level": record["level"].name.lower(),
            "logger": record["name"],
            "message": redact(record["message"]),
            **{key: redact(str(value)) for key, value in record["extra"].items()},
        }
        if record["exception"] is not None:
            line["exception"] = redact(_trace(record["exception"].value))
        stream.write(orjson.dumps(line).decode() + "\n")
        stream.flush()

    return write


class _ToLoguru(logging.Handler):
    """Hands on what libraries log through the standard library; their debug output is left out."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.INFO:
            return
        level = record.levelname if record.levelname in ("INFO", "WARNING", "ERROR", "CRITICAL") else "INFO"
        logger.opt(exception=record.exc_info).log(level, "{}: {}", record.name, record.getMessage())
