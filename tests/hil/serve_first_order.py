"""A first-order plant in a process of its own: python serve_first_order.py SECRETS PORT MODE [with-parent]."""

from __future__ import annotations

import sys
from pathlib import Path

from line.clock import SystemClock
from line.errors import KilterError
from line.wire import WireMode
from plant_sim.wire.server import ServerSettings, run_server_process
from tests.first_order_plant import FirstOrderPlant
from tests.wire_bench import register


def announce(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    secrets, port, mode = Path(sys.argv[1]), int(sys.argv[2]), WireMode(sys.argv[3])
    settings = ServerSettings(port, secrets, mode)
    tags = register()
    try:
        run_server_process(
            FirstOrderPlant(tags, seed=3),
            tags,
            settings,
            SystemClock(),
            announce=announce,
            stop_with_parent="with-parent" in sys.argv,
        )
    except KilterError as error:
        sys.stderr.write(error.line() + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
