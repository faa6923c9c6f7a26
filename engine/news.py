"""What is new since the last decision: the newest spectrum, tester and assay results."""

from __future__ import annotations

from line.samples import Snapshot
from sensing.verdict import SpectrumVerdict


class News:
    """Collects between decisions; each result is handed over once."""

    def __init__(self) -> None:
        self.verdict: SpectrumVerdict | None = None
        self.tester_new = self.assay_new = False
        self._tester_id = self._assay_id = 0.0

    def collect(self, snapshot: Snapshot, verdict: SpectrumVerdict | None) -> None:
        """Note what this second brought. A sample id that was seen before is not new."""
        self.verdict = verdict or self.verdict
        tester, assay = snapshot.value("Tester/SampleId"), snapshot.value("Assay/SampleId")
        if tester > self._tester_id:
            self._tester_id, self.tester_new = tester, True
        if assay > self._assay_id:
            self._assay_id, self.assay_new = assay, True

    def clear(self) -> None:
        """Forget what was handed over."""
        self.verdict, self.tester_new, self.assay_new = None, False, False
