"""Write the pages of docs/ that are made from the code and the registers: `make docs`."""

from __future__ import annotations

from pathlib import Path

from line.ownership import ownership_table
from line.tags import load_register
from plant_sim.fault_library.page import faults_page
from plant_sim.faults import FAULTS

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Write docs/ownership.md from the tag register and docs/faults.md from the fault library."""
    page = ownership_table(load_register(ROOT / "configs/line/tags.csv"))
    (ROOT / "docs/ownership.md").write_text(page, encoding="utf-8")
    (ROOT / "docs/faults.md").write_text(faults_page(tuple(FAULTS.values())), encoding="utf-8")


if __name__ == "__main__":
    main()
