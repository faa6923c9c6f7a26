"""The address space a third party sees, against the committed snapshot. A difference is a change of contract.

After a deliberate change: write `found` of the failing comparison into the snapshot and tell it in CHANGELOG.md.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, Node, ua

from gateway.certificates import create_authority
from line import wire
from line.clock import SystemClock
from line.tags import TagRegister, load_register
from tests.wire_bench import plain_client, register, served, viewer_caller

pytestmark = pytest.mark.hil
SNAPSHOT = Path(__file__).with_name("address_space.json")
TYPES = {11: "Double", 8: "Int64", 10: "Float", 12: "String"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("contract") / "secrets"
    create_authority(folder, SystemClock())

    async def main(endpoint: str) -> dict[str, Any]:
        client = await plain_client(endpoint, folder, viewer_caller(folder))
        async with client:
            index = await client.get_namespace_index(wire.NAMESPACE)
            nodes: dict[str, Any] = {}
            await walk(client, client.get_node(ua.NodeId(wire.LINE_FOLDER, index)), nodes)
            return {"namespace": wire.NAMESPACE, "nodes": dict(sorted(nodes.items()))}

    with served(folder) as state:
        return asyncio.run(main(state.endpoint))


async def walk(client: Client, node: Node, nodes: dict[str, Any]) -> None:
    kind = await node.read_node_class()
    nodes[str(node.nodeid.Identifier)] = await described(node, kind)
    if kind is ua.NodeClass.Object:
        for child in await node.get_children():
            await walk(client, child, nodes)


async def described(node: Node, kind: ua.NodeClass) -> str:
    """One line a node: class, and for a variable type, size, access, range and unit; for a method its arguments."""
    if kind is ua.NodeClass.Method:
        sides = []
        for name in ("InputArguments", "OutputArguments"):
            rows = [child for child in await node.get_properties() if (await child.read_browse_name()).Name == name]
            arguments = await rows[0].read_value() if rows else []
            sides.append(", ".join(argument_text(a) for a in arguments))
        return f"Method ({sides[0]}) -> ({sides[1]})"
    if kind is not ua.NodeClass.Variable:
        return kind.name
    data_type = TYPES[(await node.read_data_type()).Identifier]
    access = await node.read_attribute(ua.AttributeIds.UserAccessLevel)
    writable = ua.ua_binary.test_bit(access.Value.Value, ua.AccessLevel.CurrentWrite)
    dimensions = (await node.read_attribute(ua.AttributeIds.ArrayDimensions)).Value.Value
    size = f"[{dimensions[0]}]" if dimensions else ""
    text = f"{data_type}{size} {'rw' if writable else 'r'}"
    properties = {(await p.read_browse_name()).Name: await p.read_value() for p in await node.get_properties()}
    if "EURange" in properties:
        span = properties["EURange"]
        text += f" {span.Low:g}..{span.High:g} {properties['EngineeringUnits'].DisplayName.Text}"
    return text


def argument_text(argument: ua.Argument) -> str:
    return f"{argument.Name} {ua.VariantType(argument.DataType.Identifier).name}{'[]' if argument.ValueRank == 1 else ''}"


def test_the_address_space_is_the_committed_one(found: dict[str, Any]) -> None:
    committed = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    changed = {k for k in committed["nodes"] | found["nodes"] if committed["nodes"].get(k) != found["nodes"].get(k)}
    assert found == committed, sorted(changed)


def test_every_tag_of_the_register_is_there_as_the_register_says(found: dict[str, Any]) -> None:
    tags: TagRegister = load_register(Path(__file__).parents[2] / "configs" / "line" / "tags.csv")
    names = {"Double": "Double", "Int64": "Int64", "FloatArray": "Float", "DoubleArray": "Double"}
    for tag in tags.tags.values():
        size = f"[{tag.size}]" if tag.is_array else ""
        expected = f"{names[tag.type]}{size} {tag.access} {tag.low:g}..{tag.high:g} {tag.unit}"
        assert found["nodes"][f"Line1/{tag.id}"] == expected
    others = set(found["nodes"]) - {f"Line1/{i}" for i in tags.tags}
    groups = {f"Line1/{i.split('/')[0]}" for i in tags.tags}
    assert others == groups | {
        "Line1",
        "Line1/Wire",
        "Line1/Wire/Mode",
        "Line1/Wire/RegisterHash",
        "Line1/StepX",
        "Line1/LastX",
    }


def test_the_snapshot_was_made_with_this_register() -> None:
    assert len(json.loads(SNAPSHOT.read_text(encoding="utf-8"))["nodes"]) > len(register().tags)
