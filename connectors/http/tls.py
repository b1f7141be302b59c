"""TLS: whose certificates are believed, and our own where the server asks for one."""

from __future__ import annotations

import ssl

from syncd.core.errors import NeedsOperator


def tls_context(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """A context that trusts `ca` (a file) beside the system's, and shows `certificate` (a PEM file).

    Raises `NeedsOperator` for files that cannot be read.
    """
    try:
        context = ssl.create_default_context()
        if ca is not None:
            context.load_verify_locations(cafile=ca)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or "it is not a certificate in PEM form"
        raise NeedsOperator(f"the files under `tls` cannot be used: {reason}", "Mend them") from None
    return context
