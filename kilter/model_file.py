"""A soft-sensor model is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from line.errors import DataError
from sensing.model import SoftSensorModel


def write_model(path: Path, model: SoftSensorModel) -> None:
    """Write a model file whole or not at all. Raises DataError if the folder cannot be written."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(model.to_text(), encoding="utf-8", newline="\n")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DataError(f"cannot be written: {error.strerror}", where=str(path), what_now="Name another file.") from error
