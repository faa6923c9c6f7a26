"""Who may come in at the plant's server: hashed user secrets, lock-out, and the server's own certificate."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections import defaultdict, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncua.crypto.permission_rules import User, UserRole
from cryptography import x509

from line import wire
from line.clock import WallClock
from line.errors import CertificateError

LOCK_FAILURES = 5
LOCK_WINDOW_S = 60.0
MAX_SECRET_CHARACTERS = 256
MAX_TRACKED = 1000


@dataclass(frozen=True)
class StoredSecret:
    """scrypt parameters, salt and hash of one user's secret."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def matches(self, secret: str) -> bool:
        """True if `secret` has this hash (constant-time comparison)."""
        found = hashlib.scrypt(secret.encode(), salt=self.salt, n=self.n, r=self.r, p=self.p, maxmem=64 << 20)
        return hmac.compare_digest(found, self.digest)


class UserDirectory:
    """Verifies user-name tokens against hashes. The wire library asks `get_user`."""

    def __init__(self, users: dict[str, StoredSecret]) -> None:
        self._users = users
        self._nobody = next(iter(users.values()))

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        """Return the user, or None if the name or the secret is wrong. An unknown name costs the same time."""
        stored = self._users.get(username or "", self._nobody)
        known = username in self._users
        secret = password if password and len(password) <= MAX_SECRET_CHARACTERS else ""
        if stored.matches(secret) and known:
            return User(role=UserRole.User, name=username)
        return None


class LockOut:
    """Refuses a user at an address for the rest of the window after too many wrong secrets there.

    Keyed by user and address, so that a stranger elsewhere cannot lock the controller out. 5 failures in 60 s.
    """

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=LOCK_FAILURES))

    def locked(self, user: str, address: str) -> bool:
        """True while the last LOCK_FAILURES failures lie within the window."""
        times = self._failures.get((user, address))
        return times is not None and len(times) == LOCK_FAILURES and self._clock.monotonic_s() - times[0] < LOCK_WINDOW_S

    def failed(self, user: str, address: str) -> None:
        """Count one wrong secret."""
        if len(self._failures) >= MAX_TRACKED:
            now = self._clock.monotonic_s()
            stale = [key for key, times in self._failures.items() if now - times[-1] >= LOCK_WINDOW_S]
            for key in stale or [next(iter(self._failures))]:
                del self._failures[key]
        self._failures[(user, address)].append(self._clock.monotonic_s())

    def succeeded(self, user: str, address: str) -> None:
        """Forget the failures of a user who came in."""
        self._failures.pop((user, address), None)


def load_users(folder: Path) -> UserDirectory:
    """Return the users of the secrets folder. Raises CertificateError if the file is missing or damaged."""
    path = folder / wire.USERS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        users = {
            name: StoredSecret(int(entry["n"]), int(entry["r"]), int(entry["p"]), _bytes(entry["salt"]), _bytes(entry["hash"]))
            for name, entry in content.items()
        }
    except OSError as error:
        raise CertificateError(
            f"cannot be read: {error.strerror}", where=str(path), what_now="Run kilter certs init."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise CertificateError("is damaged", where=str(path), what_now="Run kilter certs init --renew.") from error
    if not users:
        raise CertificateError("names no user", where=str(path), what_now="Run kilter certs init --renew.")
    return UserDirectory(users)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def require_server_certificate(folder: Path, clock: WallClock) -> None:
    """Raise CertificateError unless the plant's certificate and key are there and the certificate is valid now."""
    path = folder / wire.certificate_file(wire.PLANT_NAME)
    try:
        certificate = x509.load_der_x509_certificate(path.read_bytes())
        (folder / wire.key_file(wire.PLANT_NAME)).read_bytes()
    except OSError as error:
        raise CertificateError(
            f"cannot be read: {error.strerror}", where=str(error.filename), what_now="Run kilter certs init."
        ) from error
    except ValueError as error:
        raise CertificateError("is not a certificate", where=str(path), what_now="Run kilter certs init --renew.") from error
    now = clock.utc()
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise CertificateError(
            f"valid {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}, "
            f"today is {now:%Y-%m-%d}",
            where=str(path),
            what_now="Run kilter certs init --renew.",
        )
