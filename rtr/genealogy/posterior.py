"""Scales and spectra together: what the spectra say corrects what the scales say, by a frozen gain, in every draw."""

from __future__ import annotations

import numpy as np

from rtr.genealogy.propagation import Array, Line, Tracer

#: Slugs further back than this many spectra are no longer corrected: less than a thousandth of an innovation is left.
REACH = 12


class Discrepancy:
    """How far spectra and scales are apart at the blender's exit, for each copy of each line.

    Model: spectrum = scales + d + error, d a random walk; in steady state the Kalman gain g is constant, and the smoother's
    gain is 1 - g, so that an innovation e moves d by g e from its spectrum on and by g (1 - g)^m e at the m-th
    spectrum before it. Slugs in the hopper are corrected backwards, later ones carry the sum.
    `gap` (n_lines, n_copies), API mass fraction. Wrong, late by some spectra, where d jumps: the blender turns any jump
    into a slope of a minute. Source: Harvey (1989), Forecasting, structural time series models, ch. 4 (local level).
    """

    def __init__(self, line: Line, gain: float, sample_s: int) -> None:
        self.gain, self.sample_s = gain, sample_s
        self.posterior = line.columns.every(Tracer.POSTERIOR)
        self.known = line.columns.every(Tracer.KNOWN)
        self.gap: Array = np.zeros((len(line.level_kg), len(self.known)))

    def carry(self, step: int, line: Line) -> None:
        """Correct the slug that left the blender in this second. Call after `line.advance`."""
        newest = line.hopper.end - 1
        if newest >= 0 and line.hopper.steps[newest] == step:
            slug = line.hopper.values[newest]
            slug[:, self.posterior] += self.gap * slug[:, self.known]

    def learn(self, i_line: int, step: int, api_w_w: float, line: Line) -> None:
        """Take a spectrum of one line whose material passed the probe in second `step`."""
        plug = line.hopper
        here = plug.entered_between(step - 1, step)
        if here.stop == here.start:
            return
        slug = plug.values[here.start, i_line]
        known = slug[self.known]
        if known.min() < 1e-3:
            return
        innovation = self.gain * (api_w_w - slug[self.posterior] / known)
        slugs = plug.entered_between(step - REACH * self.sample_s, int(plug.steps[plug.end - 1]))
        age = np.maximum(step - plug.steps[slugs], 0) / self.sample_s
        weight = (1.0 - self.gain) ** age[:, None] * innovation
        store = plug.values[slugs, i_line]
        store[:, self.posterior] += weight * store[:, self.known]
        self.gap[i_line] += innovation
