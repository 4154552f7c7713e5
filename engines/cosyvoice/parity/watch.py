"""Seeing what happens inside a solve of the flow, without changing it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor

from engines.cosyvoice.flow.estimator import Estimator
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import Memory, StateShape
from engines.cosyvoice.flow.solver import Solver


class Conditions(NamedTuple):
    """What one solve is conditioned on, each [frames, 80]."""

    mu: Tensor
    speaker: Tensor
    prompt: Tensor


class Evaluation(NamedTuple):
    """One look at the velocity field, each [rows, 80], both guidance branches."""

    x: Tensor
    velocity: Tensor


class EstimatorWatch:
    """An estimator that remembers what it was given and what it answered.

    Attributes:
        conditions: of each solve, in order.
        evaluations: of all solves, step by step.
    """

    def __init__(self, estimator: Estimator) -> None:
        self.conditions: list[Conditions] = []
        self.evaluations: list[Evaluation] = []
        self._estimator = estimator

    @property
    def state(self) -> StateShape:
        """The watched estimator's."""
        return self._estimator.state

    def condition(self, mu: Tensor, speaker: Tensor, prompt: Tensor) -> Tensor:
        """Remember a solve's conditions, and pass them on."""
        self.conditions.append(Conditions(mu, speaker, prompt))
        return self._estimator.condition(mu, speaker, prompt)

    def __call__(
        self, x: Tensor, condition: Tensor, step: int, layout: Layout, memory: Memory
    ) -> Tensor:
        """Evaluate, and remember it."""
        velocity = self._estimator(x, condition, step, layout, memory)
        self.evaluations.append(Evaluation(x, velocity))
        return velocity


@contextmanager
def watched(solver: Solver) -> Iterator[EstimatorWatch]:
    """Watch ``solver`` while the context lasts."""
    estimator = solver.estimator
    watch = EstimatorWatch(estimator)
    solver.estimator = watch
    try:
        yield watch
    finally:
        solver.estimator = estimator
