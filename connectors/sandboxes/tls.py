"""A certificate made on the spot for localhost, under an authority of its own that clients may trust."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFE = timedelta(days=30)
Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files: the authority, and a client's certificate and key; and the server's side of TLS."""

    ca: Path
    client: Path
    client_key: Path
    context: ssl.SSLContext

    @classmethod
    def made(cls, folder: Path, *, ask_client: bool = False) -> Certificates:
        """New ones in a folder; `ask_client`: only who shows the client's certificate is let in."""
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("syncd sandbox authority", ca_key, None, None)
        _write(folder / "ca.pem", ca)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*_pair(folder, "server", "localhost", ca, ca_key))
        if ask_client:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(folder / "ca.pem")
        client, client_key = _pair(folder, "client", "sandbox-client", ca, ca_key)
        return cls(folder / "ca.pem", client, client_key, context)


def _pair(folder: Path, stem: str, name: str, ca: x509.Certificate, ca_key: Key) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    _write(folder / f"{stem}.pem", _certificate(name, key, ca, ca_key))
    file = folder / f"{stem}-key.pem"
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / f"{stem}.pem", file


def _write(file: Path, certificate: x509.Certificate) -> None:
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _certificate(name: str, key: Key, ca: x509.Certificate | None, ca_key: Key | None) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signer = ca_key or key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.subject if ca else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca is None,
                crl_sign=ca is None,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer, hashes.SHA256())
    )
