"""One line of the parity table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far one result is from its reference."""

    case: str
    largest_error: float
    relative_error: float
    """The largest error over the largest reference value."""
    tolerance: float
    """Absolute; zero means equal."""
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance (not a number is not)."""
        return self.largest_error <= self.tolerance

    def under(self, label: str) -> Self:
        """Return the same comparison with ``label`` before its case."""
        return replace(self, case=f"{label} {self.case}")

    def line(self) -> str:
        """Format one line of the table."""
        verdict = "pass" if self.passed else "FAIL"
        figures = (self.largest_error, self.relative_error, self.tolerance)
        columns = " ".join(f"{figure:10.2e}" for figure in figures)
        return f"{self.case:56} {columns} {verdict} {self.note}".rstrip()

    @classmethod
    def of(
        cls, case: str, result: Tensor | ArrayLike, reference: Tensor | ArrayLike, tolerance: float
    ) -> Self:
        """Compare arrays; another shape is an infinite error."""
        ours = _array(result)
        theirs = _array(reference)
        if ours.shape != theirs.shape:
            return cls.failure(case, f"shape {ours.shape}, not {theirs.shape}")
        if not theirs.size:
            return cls(case, 0.0, 0.0, tolerance)
        error = float(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max())
        scale = float(np.abs(theirs.astype(np.float64)).max())
        return cls(case, error, error / scale if scale else error, tolerance)

    @classmethod
    def equal(cls, case: str, result: Sequence[Any], reference: Sequence[Any]) -> Self:
        """Compare sequences that must be the same: the error counts differing places."""
        if list(result) == list(reference):
            return cls(case, 0.0, 0.0, 0.0)
        differing = sum(ours != theirs for ours, theirs in zip(result, reference, strict=False))
        differing += abs(len(result) - len(reference))
        return cls(case, differing, differing / max(len(reference), 1), 0.0, "places that differ")

    @classmethod
    def failure(cls, case: str, note: str) -> Self:
        """Report something that cannot be compared."""
        return cls(case, math.inf, math.inf, 0.0, note)


def _array(values: Tensor | ArrayLike) -> NDArray[Any]:
    if isinstance(values, Tensor):
        return np.asarray(values.detach().cpu().numpy())
    return np.asarray(values)
