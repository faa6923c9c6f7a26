"""Whether a secrets folder can be used today, piece by piece, and how long it still can."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from gateway.certificates import APPLICATIONS, USERS, WARN_DAYS, Application
from line import wire
from line.errors import CertificateError

RENEW = "Run kilter certs init --renew."
INIT = "Run kilter certs init."


@dataclass(frozen=True)
class FolderCheck:
    """What was found: `faults` stop the line, `warnings` do not. Each is one line naming the file and the check."""

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def check_folder(folder: Path, now: datetime) -> FolderCheck:
    """Return all faults and warnings of a secrets folder.

    Checked: folder and every file present, private files not readable by others, certificates readable, inside their
    time, signed by the authority, ApplicationUri as agreed, key belongs to certificate; revocation list in time.
    A certificate that ends within 60, 30 or 7 days gives a warning that names the smallest such number.
    """
    if not folder.is_dir():
        return FolderCheck((f"{folder}: no secrets folder. {INIT}",), ())
    faults: list[str] = []
    warnings: list[str] = []
    faults += _private_faults(folder)
    authority = _certificate(folder / wire.TRUST_FOLDER / wire.certificate_file(wire.AUTHORITY_NAME), faults)
    if authority is not None:
        _judge_time(authority, f"{wire.TRUST_FOLDER}/{wire.certificate_file(wire.AUTHORITY_NAME)}", now, faults, warnings)
    faults += _revocation_faults(folder, authority, now)
    for application in APPLICATIONS:
        certificate = _certificate(folder / wire.certificate_file(application.name), faults)
        if certificate is None:
            continue
        _judge_time(certificate, wire.certificate_file(application.name), now, faults, warnings)
        faults += _application_faults(folder, application, certificate, authority)
    return FolderCheck(tuple(faults), tuple(warnings))


def require_folder(folder: Path, now: datetime) -> tuple[str, ...]:
    """Return the warnings of a secrets folder. Raises CertificateError naming the first fault and how many there are."""
    found = check_folder(folder, now)
    if found.faults:
        more = f"{len(found.faults)} faults" if len(found.faults) > 1 else ""
        raise CertificateError(found.faults[0].rstrip("."), how_much=more)
    return found.warnings


def _private_faults(folder: Path) -> list[str]:
    faults = []
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        faults.append(f"{folder}: the folder is open to others. Set mode 0700.")
    names = [wire.key_file(a.name) for a in APPLICATIONS] + [wire.secret_file(u) for u in USERS] + [wire.USERS_FILE]
    for name in names:
        path = folder / name
        if not path.is_file():
            faults.append(f"{name}: missing. {RENEW}")
        elif stat.S_IMODE(path.stat().st_mode) & 0o077:
            faults.append(f"{name}: readable by others. Set mode 0600.")
    return faults


def _certificate(path: Path, faults: list[str]) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(path.read_bytes())
    except OSError:
        faults.append(f"{path.name}: missing. {RENEW}")
    except ValueError:
        faults.append(f"{path.name}: is not a certificate. {RENEW}")
    return None


def _judge_time(certificate: x509.Certificate, name: str, now: datetime, faults: list[str], warnings: list[str]) -> None:
    end, start = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if now > end:
        faults.append(f"{name}: expired on {end:%Y-%m-%d}. {RENEW}")
    elif now < start:
        faults.append(f"{name}: not valid before {start:%Y-%m-%d %H:%M} UTC. Check this machine's clock.")
    else:
        left_days = (end - now).days
        reached = [days for days in WARN_DAYS if left_days < days]
        if reached:
            warnings.append(f"{name}: ends in {left_days} days (less than {min(reached)}). {RENEW}")


def _revocation_faults(folder: Path, authority: x509.Certificate | None, now: datetime) -> list[str]:
    name = f"{wire.CRL_FOLDER}/authority.crl.der"
    try:
        revocations = x509.load_der_x509_crl((folder / name).read_bytes())
    except OSError:
        return [f"{name}: missing. {RENEW}"]
    except ValueError:
        return [f"{name}: is not a revocation list. {RENEW}"]
    faults = []
    if revocations.next_update_utc is not None and now > revocations.next_update_utc:
        faults.append(f"{name}: outdated since {revocations.next_update_utc:%Y-%m-%d}. {RENEW}")
    key = authority.public_key() if authority is not None else None
    if key is not None and not revocations.is_signature_valid(key):  # type: ignore[arg-type]
        faults.append(f"{name}: not signed by the authority. {RENEW}")
    return faults


def _application_faults(
    folder: Path, application: Application, certificate: x509.Certificate, authority: x509.Certificate | None
) -> list[str]:
    name, faults = wire.certificate_file(application.name), []
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = alternatives.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    if application.uri not in uris:
        faults.append(f"{name}: ApplicationUri is {uris or 'missing'}, not {application.uri}. {RENEW}")
    if authority is not None and not _signed_by(certificate, authority):
        faults.append(f"{name}: not signed by the authority in {wire.TRUST_FOLDER}. {RENEW}")
    path = folder / wire.key_file(application.name)
    if path.is_file() and not _belongs(path, certificate):
        faults.append(f"{path.name}: does not belong to {name}. {RENEW}")
    return faults


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _belongs(path: Path, certificate: x509.Certificate) -> bool:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        return False
    return key.public_key() == certificate.public_key()
