"""Where configuration, secrets and runs are found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import engine
from line.errors import ConfigurationError


def find_configs(environment: Mapping[str, str], here: Path) -> Path:
    """Return the configuration folder: KILTER_CONFIGS, then ./configs, then the one installed with the package.

    Raises ConfigurationError if none exists.
    """
    named = environment.get("KILTER_CONFIGS")
    root = Path(engine.__file__).resolve().parent.parent
    candidates = [Path(named)] if named else [here / "configs", root / "configs", root / "kilter" / "_configs"]
    for candidate in candidates:
        if (candidate / "line").is_dir():
            return candidate
    raise ConfigurationError(
        "no configuration folder found",
        where=", ".join(str(c) for c in candidates),
        what_now="Name one with KILTER_CONFIGS; it holds line/, recipes/, controllers/ and scenarios/.",
    )
