"""`kilter certs`: make, refuse to overwrite, check."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilter import main


def test_make_check_and_refuse(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    assert main.run(["certs", "list", "--secrets", str(secrets)]) == 1
    assert "kilter certs init" in capsys.readouterr().out
    assert main.run(["certs", "init", "--secrets", str(secrets), "--days", "90"]) == 0
    assert main.run(["certs", "list", "--secrets", str(secrets)]) == 0
    assert "in order" in capsys.readouterr().out
    before = {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}
    assert main.run(["certs", "init", "--secrets", str(secrets)]) == 2
    assert "--renew" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}
    next(iter(secrets.glob("*.der"))).write_bytes(b"x")
    assert main.run(["certs", "list", "--secrets", str(secrets)]) == 1
    assert "fault: " in capsys.readouterr().out
