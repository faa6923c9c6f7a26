"""Write the pages of docs/ that are made from the code and the registers: `make docs`."""

from __future__ import annotations

from pathlib import Path

from line.ownership import ownership_table
from line.tags import load_register

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Write docs/ownership.md from the tag register."""
    page = ownership_table(load_register(ROOT / "configs/line/tags.csv"))
    (ROOT / "docs/ownership.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
