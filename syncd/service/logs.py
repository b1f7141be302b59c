"""Logging of the daemon: one line an event, as text or JSON, redacted as the very last step."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

import orjson
from loguru import logger

from syncd.service.redact import Redactor

if TYPE_CHECKING:
    from loguru import Message

TEXT = "{time:YYYY-MM-DD HH:mm:ss.SSS!UTC}Z {level: <7} {message}"
NOISY = ("aiohttp.access", "alembic", "asyncio")


def start_logging(level: str, *, json: bool, redact: Redactor, stream: TextIO | None = None) -> None:
    """Send loguru's and the standard library's records to `stream` (standard error)."""
    target = stream or sys.stderr
    sink = _json_sink(target, redact) if json else _text_sink(target, redact)
    logger.remove()
    # diagnose would print the values of variables, a person's among them
    logger.add(sink, level=level.upper(), format=TEXT, diagnose=False, backtrace=False, catch=True)
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.NOTSET, force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _text_sink(stream: TextIO, redact: Redactor) -> Callable[[Message], None]:
    def write(message: Message) -> None:
        head, said = str(message)[:24], str(message)[24:]  # the time is ours, and looks like a phone number
        stream.write(head + redact(said))
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
            line["exception"] = redact(str(message).partition("\n")[2].strip())
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
