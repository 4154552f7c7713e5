"""The side of a contender's process: takes orders line by line, answers with figures."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TextIO

from bench.load import Load, Sample
from bench.memory import peak_bytes, reset_peak


@dataclass(frozen=True, slots=True)
class Order:
    """One run: ``num_requests`` requests, ``concurrency`` of them at once."""

    concurrency: int
    num_requests: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order."""

    load: Load
    peak_bytes: int

    def to_json(self) -> str:
        """The answer in one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Answer":
        """Read what ``to_json`` wrote."""
        parts: dict[str, Any] = json.loads(line)
        load = parts["load"]
        samples: Sequence[Sample] = [Sample(**sample) for sample in load["samples"]]
        return cls(Load(samples, load["wall_s"]), parts["peak_bytes"])


class Contender(Protocol):
    """A system that speaks."""

    @property
    def about(self) -> str:
        """Which system, in a few words."""
        ...

    async def run(self, order: Order) -> Load:
        """Carry out ``order``."""
        ...


def own_stdout() -> TextIO:
    """Keep standard output for the answers; what anything else prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def obey(contender: Contender, answers: TextIO) -> None:
    """Say who is there, then carry out the orders on standard input until it ends."""
    print(contender.about, file=answers)
    for line in sys.stdin:
        reset_peak()
        load = asyncio.run(contender.run(Order(**json.loads(line))))
        print(Answer(load, peak_bytes()).to_json(), file=answers)
