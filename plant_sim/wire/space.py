"""The address space: one node a tag from the register, two methods, and the newest frame behind all of it.

Nodes hold no copies: a read asks the newest frame, a step costs nothing for nodes that nobody watches, and watched
nodes are told of the new value. So any client that may read sees the current second in both modes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from asyncua import Node, Server, ua

from line import wire
from line.quality import STATUS_BAD_WAITING_FOR_INITIAL_DATA
from line.samples import StepResult, Vector
from line.tags import Tag, TagRegister

VARIANT_TYPES = {
    "Double": ua.VariantType.Double,
    "Int64": ua.VariantType.Int64,
    "FloatArray": ua.VariantType.Float,
    "DoubleArray": ua.VariantType.Double,
}
UNIT_NAMESPACE = "urn:kilter:units"
SEVERITY_BAD = 0b10

#: Outputs of StepX and LastX, in order: name, type, whether an array, description.
OUTPUTS = (
    ("step", ua.VariantType.Int64, False, "simulated second the plant has reached"),
    ("values", ua.VariantType.Double, True, "scalar tags in register order, plant units, NaN where there is none"),
    ("statuses", ua.VariantType.UInt32, True, "OPC UA status code of each scalar"),
    ("source_steps", ua.VariantType.Int64, True, "second at which each scalar was measured"),
    ("array_ids", ua.VariantType.String, True, "vector tags that are new this second"),
    ("array_sizes", ua.VariantType.Int32, True, "length of each of them"),
    ("array_statuses", ua.VariantType.UInt32, True, "status code of each of them"),
    ("array_source_steps", ua.VariantType.Int64, True, "second at which each of them was measured"),
    ("array_values", ua.VariantType.Double, True, "their values one after the other, plant units"),
    ("events", ua.VariantType.String, True, "PLC messages, one JSON object each"),
)
INPUTS = (
    ("k", ua.VariantType.Int64, False, "second from which to advance; must be the plant's"),
    ("request_id", ua.VariantType.Int64, False, "number of the request; a repeat returns the same result"),
    ("setpoints", ua.VariantType.Double, True, "all writable tags in register order, plant units"),
)


def frame_outputs(result: StepResult) -> list[ua.Variant]:
    """Return a step result (already in wire form) as the outputs of StepX."""
    arrays = list(result.arrays.items())
    flat: list[float] = []
    for _, (values, _, _) in arrays:
        flat += values.tolist()
    columns: tuple[Any, ...] = (
        result.step,
        result.values.tolist(),
        result.statuses.tolist(),
        result.source_steps.tolist(),
        [tag_id for tag_id, _ in arrays],
        [int(entry[0].size) for _, entry in arrays],
        [entry[1] for _, entry in arrays],
        [entry[2] for _, entry in arrays],
        flat,
        wire.encode_events(result.events),
    )
    return [ua.Variant(column, kind, is_array=is_array) for column, (_, kind, is_array, _) in zip(columns, OUTPUTS)]


class NewestFrame:
    """The plant's newest second, as nodes show it.

    `origin` is the source time of second 0; every array tag keeps its newest value.
    """

    def __init__(self, register: TagRegister, origin: datetime) -> None:
        self.register, self.origin = register, origin
        self.result: StepResult | None = None
        self.arrays: dict[str, tuple[Vector, int, int]] = {}

    def take(self, result: StepResult) -> None:
        """Make `result` (in wire form) the newest frame."""
        self.result = result
        self.arrays.update(result.arrays)

    def last(self) -> StepResult:
        """Return the newest frame with the newest value of every vector tag. Raises LookupError before the first."""
        if self.result is None:
            raise LookupError("no frame yet")
        ordered = {tag_id: self.arrays[tag_id] for tag_id in self.register.array_ids if tag_id in self.arrays}
        old = self.result
        return StepResult(old.step, old.values, old.statuses, old.source_steps, ordered, old.events)

    def read(self, tag: Tag) -> ua.DataValue:
        """Return the value of one node with status and source time."""
        if tag.is_array:
            entry = self.arrays.get(tag.id)
            if entry is None:
                return _empty(STATUS_BAD_WAITING_FOR_INITIAL_DATA, None)
            values, status, source = entry
            return self._value(values.tolist(), VARIANT_TYPES[tag.type], True, status, source)
        if self.result is None:
            return _empty(STATUS_BAD_WAITING_FOR_INITIAL_DATA, None)
        i = self.register.scalar_index[tag.id]
        value, status, source = float(self.result.values[i]), int(self.result.statuses[i]), int(self.result.source_steps[i])
        if tag.type == "Int64":
            if value != value:
                return _empty(status or STATUS_BAD_WAITING_FOR_INITIAL_DATA, self._time(source))
            return self._value(int(value), ua.VariantType.Int64, False, status, source)
        return self._value(value, ua.VariantType.Double, False, status, source)

    def _value(self, value: Any, kind: ua.VariantType, is_array: bool, status: int, source: int) -> ua.DataValue:
        if (status >> 30) & SEVERITY_BAD:
            return _empty(status, self._time(source))
        variant = ua.Variant(value, kind, is_array=is_array)
        return ua.DataValue(variant, ua.StatusCode(ua.UInt32(status)), SourceTimestamp=_stamp(self._time(source)))

    def _time(self, source_step: int) -> datetime:
        return self.origin + timedelta(seconds=source_step)


def _empty(status: int, time: datetime | None) -> ua.DataValue:
    return ua.DataValue(ua.Variant(None, ua.VariantType.Null), ua.StatusCode(ua.UInt32(status)), SourceTimestamp=_stamp(time))


class AddressSpace:
    """Builds the nodes and tells watchers of new values. Make it, `build` it once, then `publish` every frame."""

    def __init__(self, server: Server, register: TagRegister, frame: NewestFrame) -> None:
        self._server, self._register, self._frame = server, register, frame
        self._watched: list[tuple[Tag, Any]] = []
        self.index = 0
        self.tag_of: dict[ua.NodeId, Tag] = {}

    async def build(self, mode: wire.WireMode, methods: dict[str, Callable[..., Any]]) -> None:
        """Create folders, tag nodes with range and unit, the mode, the register's hash and the methods."""
        self.index = await self._server.register_namespace(wire.NAMESPACE)
        objects = self._server.get_objects_node()
        line = await objects.add_folder(self._id(wire.LINE_FOLDER), ua.QualifiedName(wire.LINE_FOLDER, self.index))
        folders: dict[str, Node] = {}
        for tag in self._register.tags.values():
            group, name = tag.id.split("/")
            if group not in folders:
                folders[group] = await line.add_folder(
                    self._id(wire.node_identifier(group)), ua.QualifiedName(group, self.index)
                )
            await self._add_tag(folders[group], tag, name)
        await self._add_facts(line, mode)
        for identifier, function in methods.items():
            inputs = INPUTS if identifier == wire.METHOD_STEP else ()
            name = identifier.rsplit("/", 1)[1]
            await line.add_method(
                self._id(identifier), ua.QualifiedName(name, self.index), function, _arguments(inputs), _arguments(OUTPUTS)
            )

    def method_ids(self) -> dict[ua.NodeId, str]:
        """Return the node ids of the methods with their identifiers."""
        return {self._id(name): name for name in (wire.METHOD_STEP, wire.METHOD_LAST)}

    def line_id(self) -> ua.NodeId:
        """Return the node id of the line's folder."""
        return self._id(wire.LINE_FOLDER)

    async def publish(self) -> None:
        """Tell every watcher of every watched node the newest value."""
        for tag, attribute in self._watched:
            if attribute.datachange_callbacks:
                value = self._frame.read(tag)
                for handle, callback in list(attribute.datachange_callbacks.items()):
                    await callback(handle, value)

    def _id(self, identifier: str) -> ua.NodeId:
        return ua.NodeId(ua.String(identifier), ua.Int16(self.index))

    async def _add_tag(self, folder: Node, tag: Tag, name: str) -> None:
        kind = VARIANT_TYPES[tag.type]
        start: Any = [0.0] * tag.size if tag.is_array else (0 if tag.type == "Int64" else 0.0)
        node = await folder.add_variable(
            self._id(wire.node_identifier(tag.id)),
            ua.QualifiedName(name, self.index),
            ua.Variant(start, kind, is_array=tag.is_array),
            datatype=_type_id(kind.value),
        )
        if tag.is_array:
            await node.write_attribute(ua.AttributeIds.ValueRank, _data(1, ua.VariantType.Int32))
            dimensions = ua.DataValue(ua.Variant([tag.size], ua.VariantType.UInt32, is_array=True))
            await node.write_attribute(ua.AttributeIds.ArrayDimensions, dimensions)
        await node.write_attribute(
            ua.AttributeIds.Description, _data(ua.LocalizedText(tag.description), ua.VariantType.LocalizedText)
        )
        await self._add_property(
            node, tag.id, "EURange", ua.Variant(ua.Range(tag.low, tag.high), ua.VariantType.ExtensionObject), ua.ObjectIds.Range
        )
        unit = ua.EUInformation(UNIT_NAMESPACE, -1, ua.LocalizedText(tag.unit), ua.LocalizedText(tag.unit))
        await self._add_property(
            node, tag.id, "EngineeringUnits", ua.Variant(unit, ua.VariantType.ExtensionObject), ua.ObjectIds.EUInformation
        )
        if tag.access == "rw":
            await node.set_writable()
        self._server.iserver.set_attribute_value_callback(node.nodeid, self._reader(tag))
        self.tag_of[node.nodeid] = tag
        self._watched.append((tag, self._server.iserver.aspace[node.nodeid].attributes[ua.AttributeIds.Value]))

    def _reader(self, tag: Tag) -> Callable[[ua.NodeId, ua.AttributeIds], ua.DataValue]:
        def read(_node: ua.NodeId, _attribute: ua.AttributeIds) -> ua.DataValue:
            return self._frame.read(tag)

        return read

    async def _add_property(self, node: Node, tag_id: str, name: str, value: ua.Variant, datatype: int) -> None:
        identifier = f"{wire.node_identifier(tag_id)}.{name}"
        await node.add_property(self._id(identifier), ua.QualifiedName(name, 0), value, datatype=_type_id(datatype))

    async def _add_facts(self, line: Node, mode: wire.WireMode) -> None:
        folder = await line.add_folder(self._id(f"{wire.LINE_FOLDER}/Wire"), ua.QualifiedName("Wire", self.index))
        facts = ((wire.NODE_MODE, mode.value), (wire.NODE_REGISTER_HASH, wire.register_hash(self._register)))
        for identifier, value in facts:
            name = identifier.rsplit("/", 1)[1]
            await folder.add_variable(
                self._id(identifier), ua.QualifiedName(name, self.index), ua.Variant(value, ua.VariantType.String)
            )


def _stamp(time: datetime | None) -> ua.DateTime | None:
    return cast("ua.DateTime | None", time)


def _type_id(number: int) -> ua.NodeId:
    return ua.NodeId(ua.Int32(number))


def _data(value: Any, kind: ua.VariantType) -> ua.DataValue:
    return ua.DataValue(ua.Variant(value, kind))


def _arguments(rows: Any) -> list[ua.Argument]:
    arguments = []
    for name, kind, is_array, description in rows:
        argument = ua.Argument(Name=name, DataType=ua.NodeId(kind.value), Description=ua.LocalizedText(description))
        argument.ValueRank = 1 if is_array else -1
        argument.ArrayDimensions = [0] if is_array else []
        arguments.append(argument)
    return arguments
