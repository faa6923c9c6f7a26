"""Who owns which set-point, as a page: written from the tag register, so that page and wire cannot disagree."""

from __future__ import annotations

from collections.abc import Iterator

from line.tags import Tag, TagRegister

#: What the PLC moves by itself: actuator, its feedback tag, the set-point it follows, the loop.
LEVEL_1: tuple[tuple[str, str, str, str], ...] = (
    *(
        (
            f"Screw speed of feeder {n}",
            f"Feeder{n}/ScrewSpeed",
            f"SP/Feeder{n}MassFlow",
            "gravimetric loop, 15-40 s; volumetric at a held feed factor during refill",
        )
        for n in range(1, 5)
    ),
    ("Fill depth", "Press/FillDepth", "SP/MainForce", "force loop, once a revolution, while Press/WeightLoop is FORCE"),
    ("Turret speed", "Press/TurretSpeed", "SP/HopperLevel", "level loop; SP/Throughput is its feed-forward"),
    ("Main roller height", "Press/MainHeight", "SP/MainHeight", "positioned by its drive"),
    ("Impeller speed", "Blender/ImpellerSpeed", "SP/ImpellerSpeed", "drive follows the set-point"),
    ("Paddle speed", "FeedFrame/PaddleSpeed", "", "constant, set in the PLC"),
    ("Pre-compression", "Press/PreForceMean", "", "recipe value in the PLC"),
    ("Diverter", "Diverter/Position", "SP/AcceptRequest", "default divert: without a living request the gate diverts"),
    ("Interlocks and line-hold", "Sys/Interlock", "", "never moved from outside; a press stop stops feeders and blender"),
)

OWNERS = {
    "APC": "the controller; moves only inside the recipe's normal ranges and the rates of its own configuration",
    "RELEASE": "release, through the gate request; the controller cannot write it",
    "ENGINE": "the control cycle and the operator's commands through it",
}


def ownership_table(register: TagRegister) -> str:
    """Return the ownership page in Markdown: every tag that is not the PLC's, by owner, and the PLC's own loops.

    Raises KeyError if a level-1 loop names a tag that the register does not hold.
    """
    return "\n".join([*_head(), *_setpoints(register), *_level_1(register), *_rules()]) + "\n"


def _head() -> Iterator[str]:
    yield "# Who owns what"
    yield ""
    yield "One value has one owner: the only party that may change it. This page is written from the tag register"
    yield "(`configs/line/tags.csv`) by `make docs`; a test fails if the two differ."
    yield ""


def _setpoints(register: TagRegister) -> Iterator[str]:
    for owner, words in OWNERS.items():
        tags = [tag for tag in register.tags.values() if tag.owner == owner]
        yield f"## {owner}: {words}"
        yield ""
        yield "| Tag | Unit | Range | Role | What it is |"
        yield "|---|---|---|---|---|"
        yield from (_row(tag) for tag in tags)
        yield ""


def _row(tag: Tag) -> str:
    return f"| `{tag.id}` | {tag.unit} | {tag.low:g} .. {tag.high:g} | {tag.role} | {tag.description} |"


def _level_1(register: TagRegister) -> Iterator[str]:
    n_measured = sum(tag.owner == "PLC" for tag in register.tags.values())
    yield "## PLC: level 1, and everything that is measured"
    yield ""
    yield f"All other {n_measured} tags are the PLC's and read-only. It moves these by itself:"
    yield ""
    yield "| Actuator | Feedback | Follows | Loop |"
    yield "|---|---|---|---|"
    for actuator, feedback, setpoint, loop in LEVEL_1:
        shown = f"`{register[setpoint].id}`" if setpoint else "-"
        yield f"| {actuator} | `{register[feedback].id}` ({register[feedback].unit}) | {shown} | {loop} |"
    yield ""


def _rules() -> Iterator[str]:
    yield "## Rules"
    yield ""
    yield "1. A main-height move always travels with the main-force set-point that holds the weight."
    yield "2. `SP/FillDepth` is obeyed only while the PLC reports `Press/WeightLoop` = HOST."
    yield "3. Without a new `SP/HeartbeatCtrl` value for 3 s the PLC takes LOCAL: its loops keep the last set-points and the"
    yield "   diverter goes to divert. Coming back needs a request (`SP/RemoteRequest`) and the PLC's acceptance."
    yield "4. The PLC refuses a set-point that is not finite, outside its range or not the writer's, and counts the refusal in"
    yield "   `Sys/RefusedWrites`."
