"""Feed frame of the press: what it wants to hold at its paddle speed. It is gravity fed and takes what keeps it full."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Vector, bounded

#: The laws in paddle speed hold within this factor of the reference speed.
PADDLE_RANGE = (0.25, 4.0)


class FeedFrame:
    """Masses that n feed frames keep: M = M_ref (n_F / n_ref)^-c, smaller tank (1 - split) M (n_F / n_ref)^-d.

    Faster paddles loosen the powder and stir it closer to one tank (estimates). Standing paddles leave everything as
    it is. `small`, `whole`, `full` (n,) kg: in the tank that fills the dies, in both tanks, with the pipe before them.
    """

    def __init__(self, frame: Columns, flow_ref: Vector) -> None:
        self._frame = frame
        self._pipe = frame["dead_time"] * flow_ref
        self._hold_up: Vector = frame["hold_up"]
        self._ratio = np.ones_like(self._pipe)
        self._paddle = np.zeros_like(self._pipe)
        self.small = self.whole = self.full = self._pipe
        self.adjust(frame["paddle_speed"])

    @property
    def pipe(self) -> Vector:
        """(n,) kg in the pipe before the tanks."""
        return self._pipe

    def adjust(self, paddle: Vector) -> None:
        """Take over the paddle speed (n,) [rev/s]."""
        if np.array_equal(paddle, self._paddle):
            return
        frame, self._paddle = self._frame, paddle
        ratio = bounded(paddle / frame["paddle_speed"], *PADDLE_RANGE)
        self._ratio = np.where(paddle > 0.0, ratio, self._ratio)
        self.whole = self._hold_up * np.power(self._ratio, -frame["hold_up_exponent"])
        share = np.minimum((1.0 - frame["split"]) * np.power(self._ratio, -frame["mixing_exponent"]), 0.5)
        self.small = self.whole * share
        self.full = self.whole + self._pipe


class SingleTankFrame(FeedFrame):
    """The same mass as one tank behind a longer pipe: variant "b". `small` is the whole tank."""

    def __init__(self, frame: Columns, dispersion: Columns, flow_ref: Vector) -> None:
        super().__init__(frame, flow_ref)
        pipe = dispersion["frame_dead_time"] * flow_ref
        self._hold_up = frame["hold_up"] + self._pipe - pipe
        self._pipe = pipe
        self._paddle = np.zeros_like(pipe)
        self.adjust(frame["paddle_speed"])

    def adjust(self, paddle: Vector) -> None:
        """Take over the paddle speed (n,) [rev/s]."""
        super().adjust(paddle)
        self.small = self.whole
