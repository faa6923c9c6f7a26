"""Where the shared data sets are: --data, then KILTER_DATA, then ../shared/data beside the clone or the current folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from line.errors import DataError

VARIABLE = "KILTER_DATA"
PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class DataSet:
    """A set of data that does not come with the clone: its file below the data folder, where it is from, its licence."""

    name: str
    path: str
    source: str
    licence: str


TABLETS = DataSet(
    "dyrby2002_tablets",
    "dyrby2002_tablets/nir_transmittance_310x404.csv",
    "M. Dyrby et al., Appl. Spectrosc. 56 (2002) 579, escitalopram tablets, as redistributed with pyphi and data-bloodhound",
    "public download with citation requested; redistributions under MIT and Apache-2.0",
)
BATCHES = DataSet(
    "zagar_mihelic_2022",
    "zagar_mihelic_2022/Process.csv",
    "J. Zagar, J. Mihelic, Sci. Data 9:99 (2022), doi 10.1038/s41597-022-01203-x, data doi 10.6084/m9.figshare.c.5645578",
    "CC BY 4.0",
)
YIELD_TABLE = DataSet(
    "compaction_facts",
    "compaction_facts/mcc_ph102_dpc_cap_hardening.csv",
    "hydrostatic hardening of Avicel PH-102, credited to Panos 2007, from github "
    "taha-re/manuscript-data-density-dependent-friction-tableting",
    "material constants; the repository states no licence",
)


def data_folders(data: Path | None, environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Return where to look, in order. A folder named by --data or KILTER_DATA is the only one."""
    named = data or (environment if environment is not None else os.environ).get(VARIABLE)
    if named:
        return (Path(named),)
    return PROJECT.parent / "shared" / "data", Path.cwd().parent / "shared" / "data"


def find(data_set: DataSet, data: Path | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """Return the file of a set. Raises DataError naming source and licence if it is in none of the folders."""
    folders = data_folders(data, environment)
    for folder in folders:
        if (folder / data_set.path).is_file():
            return folder / data_set.path
    raise DataError(
        f"data set {data_set.name} was not found (source: {data_set.source}; licence: {data_set.licence})",
        where=" or ".join(dict.fromkeys(str(folder / data_set.path) for folder in folders)),
        what_now=f"Name its folder with --data or {VARIABLE}.",
    )


def read_text(path: Path) -> str:
    """Return a text file. Raises DataError if it cannot be read as UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else "not a UTF-8 text file"
        raise DataError(f"cannot be read: {words.lower()}", where=str(path), what_now="Name a readable CSV file.") from error
