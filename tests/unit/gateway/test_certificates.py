"""The line's own authority: what is written, who may read it, what is found wrong with it."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.certificates import APPLICATIONS, create_authority, hash_secret, load_authority, make_authority
from gateway.secrets_check import check_folder, require_folder
from line import wire
from line.clock import EPOCH, ManualClock
from line.errors import CertificateError

NOW = EPOCH


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "secrets"
    create_authority(folder, ManualClock())
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "secrets")
    return tmp_path / "secrets"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_private_files_are_private_and_the_folder_is_closed(made: Path) -> None:
    assert mode_of(made) == 0o700
    private = [*made.rglob("*.pem"), *made.rglob("*.secret"), made / "users.json"]
    assert len(private) == 4 + 2 + 1
    assert {mode_of(path) for path in private} == {0o600}


def test_the_server_side_keeps_only_hashes(made: Path) -> None:
    users = json.loads((made / "users.json").read_text())
    for user in ("apc", "viewer"):
        secret = (made / f"{user}.secret").read_text().strip()
        assert len(secret) >= 43  # 32 bytes in base64
        assert secret not in (made / "users.json").read_text()
        assert set(users[user]) == {"n", "r", "p", "salt", "hash"}


def test_scrypt_is_the_published_function() -> None:
    # RFC 7914 section 12, vector 3: P="pleaseletmein", S="SodiumChloride", N=16384, r=8, p=1; first 64 bytes
    published = (
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    import base64

    assert base64.b64decode(str(hash_secret("pleaseletmein", b"SodiumChloride")["hash"])).hex() == published


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda a: a.name)
def test_certificates_carry_what_the_standard_asks(made: Path, application) -> None:
    # OPC UA Part 6, 6.2.2: ApplicationUri in subjectAltName; keyUsage digitalSignature, nonRepudiation,
    # keyEncipherment, dataEncipherment; extendedKeyUsage serverAuth or clientAuth
    certificate = x509.load_der_x509_certificate((made / f"{application.name}.der").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [application.uri]
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and usage.content_commitment and usage.key_encipherment and usage.data_encipherment
    assert not usage.key_cert_sign
    extended = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    expected = ExtendedKeyUsageOID.SERVER_AUTH if application.serves else ExtendedKeyUsageOID.CLIENT_AUTH
    assert extended == [expected]
    assert certificate.not_valid_after_utc == NOW + timedelta(days=365)


def test_an_existing_folder_is_not_overwritten(folder: Path) -> None:
    before = (folder / "engine.der").read_bytes()
    with pytest.raises(CertificateError, match="--renew"):
        create_authority(folder, ManualClock())
    assert (folder / "engine.der").read_bytes() == before


def test_renew_replaces_everything_and_leaves_nothing_beside(folder: Path) -> None:
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    create_authority(folder, ManualClock(), renew=True)
    assert {p for p in folder.rglob("*") if p.is_file()} == set(before)
    assert all(path.read_bytes() != old for path, old in before.items())
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_renew_does_not_replace_a_folder_with_other_files(folder: Path) -> None:
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(CertificateError, match=r"thesis\.txt"):
        create_authority(folder, ManualClock(), renew=True)
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateError, match=r"(?s)^[^\n]+$"):
        create_authority(tmp_path / "file" / "secrets", ManualClock())


def test_a_good_folder_has_no_fault(made: Path) -> None:
    found = check_folder(made, NOW)
    assert found.faults == () and found.warnings == ()
    assert require_folder(made, NOW) == ()


@pytest.mark.parametrize(("left_days", "named"), [(61, None), (59, 60), (29, 30), (6, 7)])
def test_the_end_is_announced(made: Path, left_days: int, named: int | None) -> None:
    found = check_folder(made, NOW + timedelta(days=365 - left_days) - timedelta(hours=1))
    assert found.faults == ()
    assert len(found.warnings) == (0 if named is None else 4)
    assert all(f"less than {named}" in line for line in found.warnings)


def test_expired_and_not_yet_valid_are_named(made: Path) -> None:
    late = check_folder(made, NOW + timedelta(days=366))
    assert sum("expired on 2027-01-01" in line for line in late.faults) == 4
    assert any("crl" in line and "outdated" in line for line in late.faults)
    early = check_folder(made, NOW - timedelta(days=1))
    assert sum("not valid before" in line for line in early.faults) == 4
    with pytest.raises(CertificateError, match="5 faults"):
        require_folder(made, NOW + timedelta(days=366))


@pytest.mark.parametrize(
    "name", ["engine.der", "plant.key.pem", "apc.secret", "users.json", "trusted/authority.der", "crl/authority.crl.der"]
)
def test_a_missing_piece_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert any(Path(name).name in line and "missing" in line for line in check_folder(folder, NOW).faults)


def test_no_folder_at_all(tmp_path: Path) -> None:
    assert "kilter certs init" in check_folder(tmp_path / "none", NOW).faults[0]


def test_open_permissions_are_a_fault(folder: Path) -> None:
    (folder / "apc.secret").chmod(0o644)
    folder.chmod(0o755)
    faults = check_folder(folder, NOW).faults
    assert any("apc.secret" in f and "0600" in f for f in faults) and any("0700" in f for f in faults)


def test_damaged_foreign_and_mixed_up_pieces_are_named(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    create_authority(other, ManualClock())
    (folder / "viewer.der").write_bytes(b"not a certificate")
    shutil.copy(other / "engine.der", folder / "engine.der")
    shutil.copy(other / "crl" / "authority.crl.der", folder / "crl" / "authority.crl.der")
    text = "\n".join(check_folder(folder, NOW).faults)
    assert "viewer.der: is not a certificate" in text
    assert "engine.der: not signed by the authority" in text
    assert "engine.key.pem: does not belong to engine.der" in text
    assert "authority.crl.der: not signed by the authority" in text


def test_the_authority_can_be_loaded_to_issue_more(made: Path) -> None:
    authority = load_authority(made)
    assert authority.certificate == x509.load_der_x509_certificate((made / wire.TRUST_FOLDER / "authority.der").read_bytes())


def test_two_authorities_have_different_keys() -> None:
    assert make_authority(NOW).key.private_numbers() != make_authority(NOW).key.private_numbers()
