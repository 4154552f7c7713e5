"""The other side: starting a contender's process and giving it orders."""

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.contenders.child import Answer, Order
from bench.workload import Workload

_ROOT = Path(__file__).parents[2]
_STOP_TIMEOUT_S = 10


class ContenderError(RuntimeError):
    """A contender did not start, or ended; what it had to say stands on standard error."""


class ContenderProcess:
    """A contender in a process of its own, so that its memory and threads are its own too.

    Args:
        module: which one; run as ``python -m``.
        workload: the settings.
        python: the interpreter.

    Raises:
        ContenderError: it did not start.
    """

    def __init__(self, module: str, workload: Workload, python: str) -> None:
        self._module = module
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": str(workload.threads),
        }
        if workload.device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        self._process = subprocess.Popen(
            [python, "-m", module, workload.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=environment,
        )
        self.about = self._read()

    def run(self, order: Order) -> Answer:
        """Have ``order`` carried out.

        Raises:
            ContenderError: the process has ended.
        """
        if self._process.stdin is None:
            raise ContenderError(f"{self._module} takes no orders")
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        return Answer.from_json(self._read())

    def _read(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise ContenderError(f"{self._module} has ended (status {self._process.wait()})")
        return line.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(_STOP_TIMEOUT_S)
