"""Why a server was not reached, in words: refused, unknown name, TLS, time-out. No secret, no path."""

from __future__ import annotations

import errno
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp

WORDS = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.EHOSTUNREACH: "there is no way to that host",
    errno.ENETUNREACH: "there is no way to that network",
    errno.ECONNRESET: "it hung up",
    errno.ETIMEDOUT: "no connection in time",
    errno.EACCES: "this machine forbids it",
}


def origin_of(url: str) -> str:
    """Scheme, host and port alone: neither a log-in nor a path, which may hold secrets."""
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def because(error: Exception) -> str:
    """The reason as an ending of a sentence, empty where none is known."""
    if isinstance(error, aiohttp.ConnectionTimeoutError | TimeoutError):
        return ": no connection in time"
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    if isinstance(cause, socket.gaierror):
        return ": its name is not known (DNS)"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f": {cause.verify_message}" if getattr(cause, "verify_message", "") else ""
    if isinstance(cause, ssl.SSLError):
        plain = "WRONG_VERSION_NUMBER" in (cause.reason or "") or "RECORD_LAYER" in (cause.reason or "")
        said = (
            "it does not speak TLS there (https), perhaps plain http"
            if plain
            else f"TLS failed ({cause.reason})"
        )
        return f": {said}"
    number = getattr(cause, "errno", None) or next((n for n in WORDS if f"[Errno {n}]" in str(cause)), None)
    return f": {WORDS[number]}" if number in WORDS else ""
