"""Secrets against hashes, and the lock-out on a clock that the test moves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.certificates import hash_secret
from line.clock import ManualClock
from line.errors import CertificateError
from plant_sim.wire.users import LOCK_FAILURES, LOCK_WINDOW_S, MAX_TRACKED, LockOut, load_users


def folder_with(tmp_path: Path, content: object) -> Path:
    (tmp_path / "users.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return tmp_path


def test_only_the_right_name_with_the_right_secret_comes_in(tmp_path: Path) -> None:
    users = load_users(
        folder_with(tmp_path, {"apc": hash_secret("right", b"salt" * 4), "viewer": hash_secret("other", b"x" * 16)})
    )
    found = users.get_user(None, "apc", "right")
    assert found is not None and found.name == "apc"
    for name, secret in [
        ("apc", "other"),
        ("apc", ""),
        ("apc", None),
        ("nobody", "right"),
        (None, "right"),
        ("apc", "r" * 10_000),
    ]:
        assert users.get_user(None, name, secret) is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"apc": {"n": 16384}}', '{"apc": {"n":1,"r":8,"p":1,"salt":"%","hash":"%"}}']
)
def test_a_damaged_users_file_is_one_line(tmp_path: Path, content: str) -> None:
    with pytest.raises(CertificateError, match=r"users\.json"):
        load_users(folder_with(tmp_path, content))
    with pytest.raises(CertificateError, match="kilter certs init"):
        load_users(tmp_path / "none")


def test_five_failures_in_a_minute_lock_one_user_at_one_address() -> None:
    clock = ManualClock()
    lock = LockOut(clock)
    for _ in range(LOCK_FAILURES):
        assert not lock.locked("apc", "10.0.0.1")
        lock.failed("apc", "10.0.0.1")
        clock.sleep_s(1.0)
    assert lock.locked("apc", "10.0.0.1")
    assert not lock.locked("apc", "10.0.0.2") and not lock.locked("viewer", "10.0.0.1")
    clock.sleep_s(LOCK_WINDOW_S - LOCK_FAILURES)
    assert not lock.locked("apc", "10.0.0.1")


def test_a_success_forgets_the_failures_and_the_memory_is_bounded() -> None:
    clock = ManualClock()
    lock = LockOut(clock)
    for _ in range(LOCK_FAILURES - 1):
        lock.failed("apc", "a")
    lock.succeeded("apc", "a")
    lock.failed("apc", "a")
    assert not lock.locked("apc", "a")
    for n in range(3 * MAX_TRACKED):
        lock.failed(f"user{n}", "a")
    assert len(lock._failures) <= MAX_TRACKED
