"""The front door: whatever goes wrong is one line (or a tree), with the right exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kilter import check, lot, main
from line.errors import ConfigurationFaults, Fault, RecordError
from tests.record_bench import ROOT


def invoke(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(list(arguments))
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_help_teaches_the_first_steps(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = invoke(capsys, "--help")
    assert code == 0
    for words in ("kilter demo", "kilter lot list", "kilter lot verify", "Exit codes"):
        assert words in out
    for command in ("check", "schema", "certs", "lot", "mode", "hold", "resume", "stop", "demo", "plant", "sensor"):
        assert f" {command} " in out, command


def test_every_command_has_help_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    for path in (["check"], ["schema"], ["mode"], ["lot", "show"], ["lot", "verify"], ["certs", "init"], ["hold"], ["lot"]):
        code, out, _ = invoke(capsys, *path, "--help")
        assert code == 0 and "Usage" in out and len(out.splitlines()) > 4


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(capsys, "--version")[:2] == (0, "kilter 0.1.0\n")


@pytest.mark.parametrize("arguments", [["lot", "sho"], ["nothing"], ["lot", "show"], ["check", "--wrong"], ["mode", "MAYBE"]])
def test_a_wrong_call_is_shown_in_a_few_lines(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = invoke(capsys, *arguments)
    assert code == 2 and out == "" and "Traceback" not in err and "Error" in err


def test_an_error_of_ours_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = invoke(capsys, "lot", "show", "demo-9", "--runs", str(tmp_path))
    assert (code, out) == (2, "") and err.count("\n") == 1 and err.startswith("kilter: ") and "demo-9" in err


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "kilter: interrupted\n"),
        (RecordError("disk", where="x", how_much="full", what_now="Free it."), 2, "kilter: x: disk (full). Free it.\n"),
        (ConfigurationFaults([Fault("a.toml", "k", "1", "use 2")]), 2, "a.toml\n  k = 1\n      use 2\n1 fault in"),
        (ZeroDivisionError("1/0"), 3, "kilter: a fault in kilter itself: ZeroDivisionError: 1/0."),
    ],
)
def test_what_is_raised_inside_a_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, words: str
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.delenv("KILTER_TRACE", raising=False)
    monkeypatch.setattr(lot, "list_lots", fail)
    found, out, err = invoke(capsys, "lot", "list")
    assert found == code and out == "" and err.startswith(words) and "Traceback" not in err


def test_a_fault_of_ours_is_raised_for_whoever_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setenv("KILTER_TRACE", "1")
    monkeypatch.setattr(lot, "list_lots", fail)
    with pytest.raises(ZeroDivisionError):
        main.run(["lot", "list"])


def test_the_process_ends_with_the_code_and_no_trace(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "kilter", "lot", "show", "x", "--runs", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 2 and run.stdout == "" and run.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kilter", "--version"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() in (0, 1)


def test_the_folders_checked_are_those_of_configs() -> None:
    assert sorted(check.FOLDERS) == sorted(p.name for p in (ROOT / "configs").iterdir() if p.is_dir() and p.name != "schema")
