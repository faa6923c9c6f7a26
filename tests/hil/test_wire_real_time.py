"""The port in REALTIME: a free-running plant, subscribers, stale data, a link that comes back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from asyncua import ua

from line import wire
from line.errors import CommunicationError
from line.quality import Quality
from line.wire import WireMode
from tests.first_order_plant import FirstOrderPlant
from tests.wire_bench import Served, plain_client, served, viewer_caller
from tests.wire_process import TAGS, free_port, port_to

pytestmark = pytest.mark.hil


# --- real time ----------------------------------------------------------------------------------------------------------
def test_real_time_reads_every_second_and_confirms_writes(real_time_server: Served, secrets: Path) -> None:
    port = port_to(real_time_server.endpoint, secrets, mode=WireMode.REALTIME)
    first = port.open()
    assert set(first.arrays) == set(TAGS.array_ids)
    steps = [first.step]
    for k in range(2):
        port.write_moves({"SP/HeartbeatCtrl": k + 1, "SP/MainForce": 5.0 + k, "SP/FillDepth": 9.0})
        snapshot = port.read_snapshot()
        steps.append(snapshot.step)
        assert list(port.unconfirmed_writes()) == ["SP/FillDepth"]
        assert snapshot.value("SP/MainForce") == 5.0 + k
        assert snapshot.quality_of("Assay/PotencyMean") == Quality.BAD
        assert snapshot.source_step("NIR/SpectrumId") == snapshot.step - snapshot.step % 5
        assert "Press/StationForce" in snapshot.arrays
        assert ("NIR/Spectrum" in snapshot.arrays) == (snapshot.step % 5 == 0)
    assert steps == list(range(steps[0], steps[0] + 3))
    port.close()


def test_real_time_subscribers_see_changes(real_time_server: Served, secrets: Path) -> None:
    class Heard:
        def __init__(self) -> None:
            self.values: list[object] = []

        def datachange_notification(self, node: object, value: object, data: object) -> None:
            self.values.append(value)

    async def main(endpoint: str) -> list[object]:
        client = await plain_client(endpoint, secrets, viewer_caller(secrets))
        async with client:
            index = await client.get_namespace_index(wire.NAMESPACE)
            heard = Heard()
            subscription = await client.create_subscription(200, heard)
            await subscription.subscribe_data_change(client.get_node(ua.NodeId("Line1/Sys/StepIndex", index)))
            await asyncio.sleep(2.6)
            await subscription.delete()
            return heard.values

    values = asyncio.run(main(real_time_server.endpoint))
    assert len(values) >= 3 and values == list(range(int(values[0]), int(values[0]) + len(values)))  # type: ignore[call-overload]


def test_real_time_stale_data_are_lost_and_the_link_comes_back_with_the_plant(secrets: Path) -> None:
    """First a plant whose beat stands still, then none at all, then a good one at the same address."""
    number = free_port()
    with served(secrets, WireMode.REALTIME, FirstOrderPlant(TAGS, silent_from=0), number) as state:
        port = port_to(state.endpoint, secrets, mode=WireMode.REALTIME)
        port.open()
        with pytest.raises(CommunicationError, match="beat has not changed for 2 s"):
            for _ in range(6):
                port.read_snapshot()
    started = time.monotonic()
    with pytest.raises(CommunicationError, match="lost"):
        port.read_snapshot()
    assert time.monotonic() - started < 2.0
    with pytest.raises(CommunicationError, match="not reachable"):
        port.read_snapshot()
    with served(secrets, WireMode.REALTIME, FirstOrderPlant(TAGS), number):
        back = time.monotonic()
        assert port.read_snapshot().quality_of("Sys/HeartbeatPlant") == Quality.GOOD
        assert time.monotonic() - back < 5.0
        port.close()
