"""`kilter release judge` and `sign-table`: tests by number of tablets, bad input, an unsigned table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kilter.main import run

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ROWS = "n,k,c2\n100,2.15,0\n385,2.23,3\n"  # the reconstruction's k(100) with a published row: not the official table


def contents(folder: Path, values: list[str], unit: str = "% LC", per_place: int = 0) -> Path:
    head = "place,unit,value\n" if per_place else "unit,value\n"
    place = [f"{i // per_place}," if per_place else "" for i in range(len(values))]
    file = folder / "contents.csv"
    file.write_text(head + "".join(f"{p}{unit},{v}\n" for p, v in zip(place, values, strict=True)), encoding="utf-8")
    return file


def judged(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, bool | None]]:
    capsys.readouterr()
    code = run(["release", "judge", *map(str, arguments), "--json"])
    out = capsys.readouterr().out
    return code, {t["test"]: t["passes"] for t in json.loads(out)["tests"]} if out else {}


def test_by_the_number_of_tablets(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    good, wide = ["99", "101"] * 5, ["84", "116"] * 5
    assert judged(capsys, contents(tmp_path, good)) == (0, {"USP <905>": True, "ASTM E2810 plan 1": True})
    assert judged(capsys, contents(tmp_path, wide)) == (1, {"USP <905>": None, "ASTM E2810 plan 1": False})
    assert judged(capsys, contents(tmp_path, wide + ["100"] * 20))[1]["USP <905>"] is False
    assert judged(capsys, contents(tmp_path, good * 2)) == (0, {"ASTM E2810 plan 1": True})
    assert judged(capsys, contents(tmp_path, good * 4, per_place=4)) == (0, {"ASTM E2810 plan 2": True})
    shifted = [str(90 + i // 4 * 3) for i in range(40)]
    assert judged(capsys, contents(tmp_path, shifted, per_place=4)) == (1, {"ASTM E2810 plan 2": False})


@pytest.mark.parametrize(
    ("values", "unit", "options", "words"),
    [
        (["99"] * 9 + ["9g"], "% LC", [], "line 11, value: not a finite number ('9g')"),
        (["99"] * 9 + ["1O1"], "% LC", [], "Is O a letter in the place of a digit?"),
        (["99"] * 9 + ['"99,1"'], "% LC", [], "line 11, value: a decimal comma"),
        (["99"] * 9 + ["99,1"], "% LC", [], "Write decimals with a point, not with a comma."),
        (["99"] * 9 + ["-1"], "% LC", [], "a negative value"),
        (["99"] * 9 + ["NaN"], "% LC", [], "not a finite number"),
        (["99"] * 9 + [""], "% LC", [], "a cell is empty"),
        ([], "% LC", [], "the table has no rows"),
        (["99"] * 10, "mg", [], "contents in another unit, or in several (mg)"),
        (["99"] * 10, "% LC", ["--target", "116"], "target"),
        (["99"] * 2, "% LC", [], "no test is defined for so few tablets"),
        (["99"] * 10, "% LC", ["--rounding", "bankers"], "Use compendial or none."),
        (["99"] * 100, "% LC", ["--table", "t.json"], "an unsigned table is not used"),
    ],
)
def test_bad_input_decides_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, values: list[str], unit: str, options: list[str], words: str
) -> None:
    assert run(["release", "judge", str(contents(tmp_path, values, unit)), *options]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err


def test_mixed_units_and_uneven_places_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mixed = contents(tmp_path, ["99"] * 10)
    mixed.write_text(mixed.read_text(encoding="utf-8") + "mg,18\n", encoding="utf-8")
    assert run(["release", "judge", str(mixed)]) == 2
    assert "% LC, mg" in capsys.readouterr().err
    assert run(["release", "judge", str(contents(tmp_path, ["99"] * 11, per_place=4))]) == 2
    assert "as many tablets at each place" in capsys.readouterr().err


@pytest.fixture
def signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, Path]:
    """A signed table and the signer's public key."""
    key, public, rows, out = (tmp_path / name for name in ("key.pem", "public.pem", "rows.csv", "table.json"))
    key.write_bytes(PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    rows.write_text(ROWS, encoding="utf-8")
    told = ["--key", str(key), "--by", "A. Meier", "--source", "a test", "--out", str(out)]
    assert run(["release", "sign-table", str(rows), *told]) == 0
    assert "2 rows, signed by A. Meier" in capsys.readouterr().out
    return out, public


def test_a_signed_table_judges_large_samples(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, signed: tuple[Path, Path]
) -> None:
    table, public = signed
    options = ("--table", table, "--signer", public)
    found = judged(capsys, contents(tmp_path, ["97", "103"] * 50), *options)
    assert found == (0, {"ASTM E2810 plan 1": True, "Ph. Eur. 2.9.47 alternative 1": True})
    assert judged(capsys, contents(tmp_path, ["70"] + ["100"] * 99), *options)[1]["Ph. Eur. 2.9.47 alternative 1"] is False
    assert judged(capsys, contents(tmp_path, ["100"] * 99), *options)[0] == 2


@pytest.mark.parametrize("change", ["2.15->2.16", "signature->signed", "A. Meier->B. Meier"])
def test_an_unsigned_or_changed_table_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, signed: tuple[Path, Path], change: str
) -> None:
    table, public = signed
    table.write_text(table.read_text(encoding="utf-8").replace(*change.split("->")), encoding="utf-8")
    file = contents(tmp_path, ["100"] * 100)
    assert run(["release", "judge", str(file), "--table", str(table), "--signer", str(public)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and ("not signed" in shown.err or "signature does not fit" in shown.err)


def test_another_signer_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, signed: tuple[Path, Path]) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    signed[1].write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    file = contents(tmp_path, ["100"] * 100)
    assert run(["release", "judge", str(file), "--table", str(signed[0]), "--signer", str(signed[1])]) == 2
    assert "signature does not fit" in capsys.readouterr().err
