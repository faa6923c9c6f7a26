"""The complete state of a plant as plain data, and back: an explicit walk over our own objects, without pickle.

What may be met on the walk is listed: numbers, texts, arrays, generators, containers, models of configuration, objects of
classes of this room. What is built from configuration and never changes is left out and taken from a plant built anew.
Anything else raises: a state that cannot be saved whole is not saved.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from line.errors import RecordError
from line.tags import TagRegister
from plant_sim.instruments.calibration import MeasuredSpectra
from plant_sim.truth import Truth

#: Classes of these modules may hold state.
ROOMS = ("plant_sim.", "line.samples", "line.configuration")
#: Taken from the new plant at the same place: register and real spectra never change, the truth has a file of its own.
CONSTANT = (TagRegister, MeasuredSpectra, Truth, MappingProxyType, np.ufunc, ModuleType, type)
FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)
CONTAINERS = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
Arrays = list[NDArray[Any]]


def refusal(what: str, where: str, found: str) -> RecordError:
    """Return the error for a state that cannot be saved or taken."""
    return RecordError(what, where=where, how_much=found, what_now="Name an empty state folder, or move this one away.")


def _name(kind: Any) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _ours(name: str) -> bool:
    return name.partition(":")[0].startswith(ROOMS)


def _fields(item: Any) -> dict[str, Any]:
    """Return the fields of one of our objects, slots included."""
    slots = [n for kind in type(item).__mro__ for n in kind.__dict__.get("__slots__", ())]
    return {n: getattr(item, n) for n in slots if hasattr(item, n)} | dict(getattr(item, "__dict__", {}))


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array that owns the memory; windows (`sliding_window_view`) and buffers hide it behind an object."""
    while array.base is not None:
        inner: Any = array.base
        if not isinstance(inner, np.ndarray):
            inner = inner.obj if isinstance(inner, memoryview) else getattr(inner, "base", None)
        if not isinstance(inner, np.ndarray):
            return array
        array = inner
    return array


class Freezer:
    """Walks from a root: `freeze` returns JSON data, `memory` collects the numbers. Things met twice are kept once."""

    def __init__(self) -> None:
        self.memory: Arrays = []
        self._memory_of: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []

    def freeze(self, item: Any, where: str) -> Any:
        """Return `item` as JSON data. Raises RecordError naming the place of what is not known."""
        if isinstance(item, np.generic):
            return {"scalar": self._keep(np.array(item).ravel()), "dtype": item.dtype.str}
        if isinstance(item, Enum):
            return {"enum": _name(type(item)), "value": item.value}
        if item is None or isinstance(item, (bool, str, int)):
            return item
        if isinstance(item, float):
            return {"float": item.hex()}
        if isinstance(item, bytes):
            return {"bytes": item.hex()}
        if isinstance(item, slice):
            return {"slice": [item.start, item.stop, item.step]}
        if isinstance(item, CONSTANT):
            return {"same": _name(type(item))}
        if isinstance(item, FUNCTIONS):
            return {"same": item.__qualname__}
        if id(item) in self._numbers:
            return {"again": self._numbers[id(item)]}
        number = self._numbers[id(item)] = len(self._numbers)
        self._alive.append(item)
        return {"number": number, **self._body(item, where)}

    def _body(self, item: Any, where: str) -> dict[str, Any]:
        if isinstance(item, np.ndarray):
            return self._array(item, where)
        if isinstance(item, np.random.Generator):
            return {"generator": item.bit_generator.state}
        if isinstance(item, BaseModel) and _ours(_name(type(item))):
            return {"model": _name(type(item)), "value": item.model_dump(mode="json")}
        if isinstance(item, deque):
            return {"deque": [self.freeze(x, f"{where}[{i}]") for i, x in enumerate(item)], "maxlen": item.maxlen}
        if isinstance(item, dict):
            return {"dict": [[self.freeze(k, where), self.freeze(v, f"{where}[{k!r}]")] for k, v in item.items()]}
        kind = type(item).__name__
        if type(item) is CONTAINERS.get(kind):
            items = sorted(item) if isinstance(item, (set, frozenset)) else item
            return {kind: [self.freeze(x, f"{where}[{i}]") for i, x in enumerate(items)]}
        name = _name(type(item))
        if not _ours(name):
            raise refusal("the plant's state cannot be saved", where, f"{name} is not known to hold state")
        return {"object": name, "fields": {n: self.freeze(v, f"{where}.{n}") for n, v in _fields(item).items()}}

    def _array(self, array: NDArray[Any], where: str) -> dict[str, Any]:
        """Keep an array with its strides, on the memory it shares: views stay views, and sums keep their order."""
        if array.dtype.hasobject:
            raise refusal("the plant's state cannot be saved", where, "it is an array of objects")
        base = _owner(array)
        if sum((n - 1) * abs(step) for n, step in zip(base.shape, base.strides) if n) + base.itemsize > max(
            base.nbytes, base.itemsize
        ):
            raise refusal("the plant's state cannot be saved", where, "its memory has gaps and no owner")
        if id(base) not in self._memory_of:
            self._memory_of[id(base)] = self._keep(base.ravel(order="K"))
            self._alive.append(base)
        offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        place = {"dtype": array.dtype.str, "shape": list(array.shape), "strides": list(array.strides), "offset": offset}
        return {"array": self._memory_of[id(base)], **place}

    def _keep(self, flat: NDArray[Any]) -> int:
        self.memory.append(flat)
        return len(self.memory) - 1


class Thawer:
    """Puts frozen data into a new plant: objects are filled in place, arrays are made new on their shared memory."""

    def __init__(self, memory: Sequence[NDArray[Any]]) -> None:
        self._memory = [np.array(m) for m in memory]
        self._made: dict[int, Any] = {}
        self._used: set[int] = set()

    def thaw(self, data: Any, fresh: Any, where: str) -> Any:
        """Return what `data` says; `fresh` is what the new plant has at that place. Raises RecordError if they differ."""
        if not isinstance(data, dict):
            return data
        if "float" in data:
            return float.fromhex(data["float"])
        if "bytes" in data:
            return bytes.fromhex(data["bytes"])
        if "slice" in data:
            return slice(*data["slice"])
        if "scalar" in data:
            return self._memory[data["scalar"]].astype(data["dtype"])[0]
        if "enum" in data:
            return _find(data["enum"], where)(data["value"])
        if "same" in data:
            return self._same(data["same"], fresh, where)
        if "again" in data:
            return self._made[data["again"]]
        return self._thing(data, fresh, where)

    @staticmethod
    def _same(name: str, fresh: Any, where: str) -> Any:
        found = fresh.__qualname__ if isinstance(fresh, FUNCTIONS) else _name(type(fresh))
        if found != name:
            raise refusal("the state was saved by another version of the plant", where, f"{name} was {found}")
        return fresh

    def _thing(self, data: Mapping[str, Any], fresh: Any, where: str) -> Any:
        number = data["number"]
        if "object" in data:
            return self._object(data, fresh, where)
        if "array" in data:
            memory = self._memory[data["array"]]
            made: Any = np.ndarray(
                tuple(data["shape"]), np.dtype(data["dtype"]), memory, data["offset"], tuple(data["strides"])
            )
        elif "generator" in data:
            made = _generator(data["generator"], where)
        elif "model" in data:
            made = _find(data["model"], where).model_validate(data["value"])
        elif "dict" in data:
            old = fresh if isinstance(fresh, dict) else {}
            made = self._made[number] = {}
            for key, value in data["dict"]:
                k = self.thaw(key, None, where)
                made[k] = self.thaw(value, old.get(k), f"{where}[{k!r}]")
        else:
            made = self._sequence(data, fresh, where)
        self._made[number] = made
        return made

    def _sequence(self, data: Mapping[str, Any], fresh: Any, where: str) -> Any:
        kind = next((k for k in ("deque", *CONTAINERS) if k in data), None)
        if kind is None:
            raise refusal("the saved state is damaged", where, f"unknown entry {sorted(data)}")
        old = list(fresh) if isinstance(fresh, (list, tuple, deque)) else []
        old += [None] * len(data[kind])
        items = (self.thaw(x, old[i], f"{where}[{i}]") for i, x in enumerate(data[kind]))
        return deque(items, data["maxlen"]) if kind == "deque" else CONTAINERS[kind](items)

    def _object(self, data: Mapping[str, Any], fresh: Any, where: str) -> Any:
        kind, saved = _find(data["object"], where), data["fields"]
        in_place = type(fresh) is kind and id(fresh) not in self._used
        item = fresh if in_place else object.__new__(kind)
        old = _fields(item)
        wanted = set(old) if in_place else ({f.name for f in fields(kind)} if is_dataclass(kind) else set(saved))
        if wanted != set(saved):
            differ = ", ".join(sorted(wanted ^ set(saved)))
            raise refusal("the state was saved by another version of the plant", where, f"fields differ: {differ}")
        self._used.add(id(item))
        self._made[data["number"]] = item
        for name, value in saved.items():
            object.__setattr__(item, name, self.thaw(value, old.get(name), f"{where}.{name}"))
        return item


def _find(name: str, where: str) -> Any:
    """Return one of our classes by name; nothing else can be named. Only modules that are loaded are looked at."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module) if _ours(name) or module == "line.modes" else None
    for part in path.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or found.__module__ != module:
        raise refusal("the state was saved by another version of the plant", where, f"no class {name}")
    return found


def _generator(state: Any, where: str) -> np.random.Generator:
    if state.get("bit_generator") != "PCG64":
        raise refusal("the saved state is damaged", where, f"generator {state.get('bit_generator')}")
    source = np.random.PCG64()
    source.state = state
    return np.random.Generator(source)
