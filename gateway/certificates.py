"""The line's own certificate authority: made once, checked at every start, renewed before it expires."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from line import wire
from line.clock import WallClock
from line.errors import CertificateError

VALIDITY_DAYS = 365
WARN_DAYS = (60, 30, 7)
KEY_BITS_APPLICATION, KEY_BITS_AUTHORITY = 2048, 3072
Parsed = TypeVar("Parsed")

SCRYPT_N, SCRYPT_R, SCRYPT_P, SALT_BYTES, SECRET_BYTES = 2**14, 8, 1, 16, 32
#: A certificate is valid from a little before it was made: clocks of two machines differ.
BACKDATE = timedelta(minutes=5)


@dataclass(frozen=True)
class Application:
    """One party on the wire: file name, ApplicationUri and whether it serves or calls."""

    name: str
    uri: str
    serves: bool


APPLICATIONS = (
    Application(wire.PLANT_NAME, wire.SERVER_URI, serves=True),
    Application(wire.ENGINE_NAME, wire.ENGINE_URI, serves=False),
    Application(wire.VIEWER_NAME, wire.VIEWER_URI, serves=False),
)
USERS = (wire.USER_CONTROL, wire.USER_VIEW)


@dataclass(frozen=True)
class Authority:
    """A certificate authority in memory: certificate and private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def create_authority(
    folder: Path,
    clock: WallClock,
    *,
    renew: bool = False,
    hosts: Sequence[str] = ("localhost", "127.0.0.1"),
    validity_days: int = VALIDITY_DAYS,
) -> list[str]:
    """Write a new authority, application certificates and user secrets into `folder`; return the files written.

    Arguments: folder (made with mode 0700); clock gives the first day of validity; `renew` replaces what is there;
    `hosts` names and addresses of the plant server; validity_days [d], 1..3650.
    Result: file names relative to the folder. Keys and secrets have mode 0600; the server keeps only scrypt hashes
    of the secrets in users.json. Chance comes from the operating system: secrets must not repeat with a seed.
    Errors: CertificateError if the folder already holds an authority (and not `renew`) or cannot be written.
    """
    if not 1 <= validity_days <= 3650:
        raise CertificateError(
            "validity is outside 1..3650 days", where="certs init", how_much=f"{validity_days} d", what_now="Take 365."
        )
    if folder.is_dir() and any(folder.iterdir()) and not renew:
        raise CertificateError(
            "the secrets folder is not empty", where=str(folder), what_now="Add --renew to replace everything in it."
        )
    strangers = _strangers(folder)
    if strangers:
        raise CertificateError(
            "the folder holds files that are not secrets of ours",
            where=str(folder),
            how_much=", ".join(strangers[:3]),
            what_now="Name another folder: this one would be replaced whole.",
        )
    fresh = folder.with_name(folder.name + ".new")
    try:
        if fresh.exists():
            shutil.rmtree(fresh)
        _write_all(fresh, clock.utc(), hosts, validity_days)
        _replace(folder, fresh)
    except OSError as error:
        raise CertificateError(
            f"cannot write secrets: {error.strerror}", where=str(folder), what_now="Free space or name another folder."
        ) from error
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _strangers(folder: Path) -> list[str]:
    """Return what lies in the folder and was not written by `create_authority`."""
    if not folder.is_dir():
        return [folder.name] if folder.exists() else []
    ours = {wire.TRUST_FOLDER, wire.CRL_FOLDER, wire.AUTHORITY_FOLDER, wire.USERS_FILE}
    ours |= {name(a.name) for a in APPLICATIONS for name in (wire.certificate_file, wire.key_file)}
    ours |= {wire.secret_file(user) for user in USERS}
    return sorted(path.name for path in folder.iterdir() if path.name not in ours)


def _write_all(folder: Path, now: datetime, hosts: Sequence[str], validity_days: int) -> None:
    folder.mkdir(mode=0o700, parents=True)
    for part in (wire.TRUST_FOLDER, wire.CRL_FOLDER, wire.AUTHORITY_FOLDER):
        (folder / part).mkdir(mode=0o700)
    authority = make_authority(now, validity_days)
    _write_public(folder / wire.TRUST_FOLDER / wire.certificate_file(wire.AUTHORITY_NAME), _der(authority.certificate))
    _write_public(folder / wire.CRL_FOLDER / "authority.crl.der", make_revocation_list(authority, now, validity_days))
    _write_private(folder / wire.AUTHORITY_FOLDER / wire.key_file(wire.AUTHORITY_NAME), _pem(authority.key))
    for application in APPLICATIONS:
        certificate, key = issue(authority, application, now, hosts=hosts, validity_days=validity_days)
        _write_public(folder / wire.certificate_file(application.name), _der(certificate))
        _write_private(folder / wire.key_file(application.name), _pem(key))
    _write_users(folder)


def _replace(folder: Path, fresh: Path) -> None:
    if folder.exists():
        old = folder.with_name(folder.name + ".old")
        if old.exists():
            shutil.rmtree(old)
        folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old)
    else:
        fresh.rename(folder)


def make_authority(now: datetime, validity_days: int = VALIDITY_DAYS) -> Authority:
    """Return a new self-signed authority (RSA, SHA-256), valid from `now` for `validity_days`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS_AUTHORITY)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kilter line authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=validity_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def issue(
    authority: Authority,
    application: Application,
    now: datetime,
    *,
    hosts: Sequence[str] = ("localhost", "127.0.0.1"),
    validity_days: int = VALIDITY_DAYS,
) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """Return an application certificate and its key (OPC UA Part 6, 6.2.2: ApplicationUri and hosts as alternative names)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS_APPLICATION)
    use = ExtendedKeyUsageOID.SERVER_AUTH if application.serves else ExtendedKeyUsageOID.CLIENT_AUTH
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(application.uri), *(_host_name(h) for h in hosts)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"kilter {application.name}")]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=validity_days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return certificate, key


def make_revocation_list(
    authority: Authority, now: datetime, validity_days: int = VALIDITY_DAYS, revoked: Sequence[x509.Certificate] = ()
) -> bytes:
    """Return the authority's revocation list (DER) naming the `revoked` certificates."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - BACKDATE)
        .next_update(now + timedelta(days=validity_days))
    )
    for certificate in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def load_authority(folder: Path) -> Authority:
    """Return the authority of a secrets folder. Raises CertificateError if it cannot be read."""
    certificate_path = folder / wire.TRUST_FOLDER / wire.certificate_file(wire.AUTHORITY_NAME)
    key_path = folder / wire.AUTHORITY_FOLDER / wire.key_file(wire.AUTHORITY_NAME)
    key = _read(key_path, lambda raw: serialization.load_pem_private_key(raw, password=None))
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CertificateError("is not an RSA key", where=str(key_path), what_now="Run kilter certs init --renew.")
    return Authority(_read(certificate_path, x509.load_der_x509_certificate), key)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=not signs_certificates,
        key_encipherment=not signs_certificates,
        data_encipherment=not signs_certificates,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_users(folder: Path) -> None:
    users = {}
    for user in USERS:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        _write_private(folder / wire.secret_file(user), (secret + "\n").encode())
        users[user] = hash_secret(secret, secrets.token_bytes(SALT_BYTES))
    _write_private(folder / wire.USERS_FILE, json.dumps(users, indent=1, sort_keys=True).encode())


def hash_secret(secret: str, salt: bytes) -> dict[str, object]:
    """Return what the server keeps of a secret: scrypt parameters, salt and hash (RFC 7914)."""
    digest = hashlib.scrypt(secret.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=64 << 20)
    text = base64.b64encode
    return {"n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P, "salt": text(salt).decode(), "hash": text(digest).decode()}


def _write_private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)


def _write_public(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _read(path: Path, parse: Callable[[bytes], Parsed]) -> Parsed:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise CertificateError(
            f"cannot be read: {error.strerror}", where=str(path), what_now="Run kilter certs init."
        ) from error
    except ValueError as error:
        raise CertificateError("is damaged", where=str(path), what_now="Run kilter certs init --renew.") from error
