"""What lies in the repository: no machine's paths, no registry's address, a source for every golden number, a whole lock."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from line.ownership import LEVEL_1, ownership_table
from line.tags import TagRegister, load_register

ROOT = Path(__file__).resolve().parents[2]
MAX_FILE_BYTES = 1 << 20

MACHINE, REGISTRY = "a path of one machine", "a package registry's address"
ABSENT, WORK = "a document that does not come with the clone", "how the work is organised"
#: pattern, why it may not stand in a committed file; one letter in brackets keeps a pattern from finding itself
FORBIDDEN = [
    (r"(?<![\w./])/[w]ork/", MACHINE),
    (r"(?<![\w./])/[h]ome/\w", MACHINE),
    (r"(?<![\w./])/[r]oot/", MACHINE),
    (r"/[U]sers/\w", MACHINE),
    (r"[A-Z]:\\\\?[U]sers", MACHINE),
    (r"[p]ypi\.org|files\.[p]ythonhosted|registry\.[n]pmjs", REGISTRY),
    (r"--(extra-)?[i]ndex-url|--[f]ind-links|--[t]rusted-host", REGISTRY),
    (r"(?i)\b[i]ssues? #?\d", WORK),
    (r"(?i)\b(this|that|last|next|previous|earlier|later|another|our|coding|work) [s]ession\b", WORK),
    (r"(?i)\b[l]anguage model\b|\b[L]LM\b|\b[c]hat ?bot\b|\b[s]ub-?agent\b|\b[c]o-authored-by\b", WORK),
    (r"(?i)\b[s]hared/(reference|design)\b", ABSENT),
    (r"(?i)\b(process_model|controller|reliability|choices|house)\.[m]d\b", ABSENT),
    (r"(?i)(?<![\w(/])(release|opcua)\.[m]d\b", ABSENT),
    (r"\b([T]ODO|[F]IXME|[X]XX|[H]ACK)\b", "unfinished work: do it, or write what is missing where users read it"),
]
#: what must be seen, with ~ to be taken out so that this file itself stays clean
SPOILED = [
    "see /w~ork/main", "'/h~ome/someone/x'", "cd /r~oot/x", "https://p~ypi.org/simple", "files.p~ythonhosted.org",
    "registry.n~pmjs.org", "--i~ndex-url https://x", "as in i~ssue 4", "see I~ssue #12", "left for the next s~ession",
    "../s~hared/reference/x", "section 12 of process_model.m~d", "see release.m~d", "an L~LM", "# T~ODO later",
]  # fmt: skip
CLEAN = [
    "an OPC UA session", "no session on an unoffered channel", "close the session", "framework/homework/", "docs/start-here.md",
    "docs/release.md",
    "the issue is the force", "/workbench", "a/work/b", "../shared/data", "rooted", "console/home/",
]  # fmt: skip


def spoiled(text: str) -> Iterator[tuple[int, str]]:
    """Yield line number and reason for every forbidden word."""
    for number, line in enumerate(text.splitlines(), start=1):
        yield from ((number, f"{why}: {line.strip()[:80]}") for pattern, why in FORBIDDEN if re.search(pattern, line))


@pytest.mark.parametrize("text", SPOILED)
def test_a_forbidden_word_is_seen(text: str) -> None:
    assert list(spoiled(text.replace("~", "")))


@pytest.mark.parametrize("text", CLEAN)
def test_an_innocent_word_is_not(text: str) -> None:
    assert not list(spoiled(text))


def test_no_committed_file_holds_a_forbidden_word(files: list[Path]) -> None:
    found = []
    for path in files:
        name = str(path.relative_to(ROOT))
        content = path.read_bytes()
        if b"\0" not in content:
            found += [f"{name}:{number} {why}" for number, why in spoiled(content.decode("utf-8"))]
    assert not found, "\n".join(found)


def test_no_committed_file_is_large_binary_or_secret(files: list[Path]) -> None:
    for path in files:
        assert path.stat().st_size <= MAX_FILE_BYTES, f"{path}: larger than {MAX_FILE_BYTES} bytes"
        assert path.suffix not in {".pem", ".der", ".key", ".pkl", ".pickle", ".joblib", ".db", ".sqlite", ".npy", ".npz"}, path
        assert b"PRIVATE" + b" KEY-----" not in path.read_bytes(), f"{path}: holds a private key"


def test_text_files_end_with_one_line_end_and_use_no_carriage_return(files: list[Path]) -> None:
    for path in files:
        content = path.read_bytes()
        if content and b"\0" not in content:
            assert content.endswith(b"\n") and b"\r" not in content, path


def golden_without_source(names: set[str]) -> list[str]:
    """Return golden files that neither a NAME.SOURCE.md nor a generator NAME.py explains; shorter names cover longer ones."""
    explained = {n.removesuffix(".SOURCE.md") for n in names if n.endswith(".SOURCE.md")}
    explained |= {n.removesuffix(".py").removeprefix("generate_").removesuffix("_generate") for n in names if n.endswith(".py")}
    return sorted(n for n in names if not n.endswith((".SOURCE.md", ".py")) and n.rpartition(".")[0] not in explained)


def test_every_golden_file_has_a_source_or_a_generator(files: list[Path]) -> None:
    folder = ROOT / "tests/golden"
    assert golden_without_source({str(p.relative_to(folder)) for p in files if p.is_relative_to(folder)}) == []


def test_a_golden_file_without_a_source_is_seen() -> None:
    assert golden_without_source({"a.json", "b.json", "b.SOURCE.md", "c.csv", "c.py", "d.json", "generate_d.py"}) == ["a.json"]


Lock = list[tuple[str, list[str]]]


def locked(text: str) -> Lock:
    """Return (requirement, its hashes) of a lock file."""
    joined = re.sub(r"\\\n", " ", text)
    entries = [line.split() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(words[0], [w for w in words if w.startswith("--hash=sha256:")]) for words in entries]


def test_the_lock_pins_every_requirement_by_hash_and_names_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for requirement, hashes in locked(text):
        assert re.fullmatch(r"[a-z0-9._-]+(\[[a-z,]+\])?==[\w.+!-]+", requirement), requirement
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", h) for h in hashes), requirement
    assert "://" not in text and " @ " not in text


def test_the_lock_holds_every_direct_requirement() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(r for group in project["optional-dependencies"].values() for r in group)]
    names = {re.split(r"[\[=<>~!; ]", requirement)[0].lower().replace("_", "-") for requirement in wanted}
    pinned = {requirement.split("==")[0] for requirement, _ in locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))}
    assert names <= pinned, names - pinned


@pytest.fixture(scope="module")
def register() -> TagRegister:
    return load_register(ROOT / "configs/line/tags.csv")


def test_the_ownership_page_is_what_the_register_says(register: TagRegister) -> None:
    page = (ROOT / "docs/ownership.md").read_text(encoding="utf-8")
    assert page == ownership_table(register), "docs/ownership.md is out of date: make docs"


def test_every_tag_that_is_not_the_plcs_stands_on_the_page(register: TagRegister) -> None:
    rows = [line for line in ownership_table(register).splitlines() if line.startswith("| `")]
    for tag in register.tags.values():
        assert sum(row.startswith(f"| `{tag.id}` |") for row in rows) == (tag.owner != "PLC"), tag.id


def test_the_plcs_loops_are_the_plcs(register: TagRegister) -> None:
    for _, feedback, setpoint, _ in LEVEL_1:
        assert register[feedback].owner == "PLC"
        assert not setpoint or register[setpoint].owner in ("APC", "RELEASE")


def links(text: str) -> list[str]:
    return [
        t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", t) and not t.startswith("#")
    ]


def test_every_link_and_path_in_the_pages_leads_somewhere(files: list[Path]) -> None:
    lost = []
    for page in (p for p in files if p.suffix == ".md"):
        text = page.read_text(encoding="utf-8")
        lost += [f"{page.name}: {t}" for t in links(text) if not (page.parent / t).exists() and not (ROOT / t).exists()]
        paths = re.findall(r"`((?:[a-z_]+/)+[A-Za-z0-9_.-]+\.(?:py|md|toml|csv))`", text)
        lost += [f"{page.name}: {t}" for t in paths if not (ROOT / t).exists() and not t.startswith("runs/")]
    assert not lost, "\n".join(lost)


def test_decisions_have_four_headings_and_running_numbers(files: list[Path]) -> None:
    pages = sorted(p for p in files if p.parent == ROOT / "docs/decisions")
    assert [p.name[:4] for p in pages] == [f"{n:04d}" for n in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. "), page.name
        assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Status", "Context", "Decision", "Consequences"], (
            page.name
        )


def test_every_change_says_what_to_test_again() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("- "):
            assert re.match(r"- (\[(moves|release|records|console|none)\])+ \S", line), line
