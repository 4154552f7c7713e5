"""Reading a checkpoint's state dicts, and accounting for every key in them."""

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from engines.errors import EngineLoadError

_VOCODER_PREFIX = "generator."
_WEIGHT_NORM_SPELLINGS = (
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    (".weight_g", ".weight_v"),
)


class WeightsError(EngineLoadError):
    """A weight file is absent, unreadable, or does not hold what the model needs."""


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """The three state dicts of a model directory, under upstream's key names.

    The tensors are memory-mapped where the file format allows it: untouched rows of the text
    embedding never leave the disk, and the files must stay in place while the model lives.
    """

    llm: dict[str, Tensor]
    flow: dict[str, Tensor]
    hift: dict[str, Tensor]
    """Weight norm is folded: plain ``X.weight`` entries."""


def read_checkpoint(folder: Path, llm_file: str = "llm.pt") -> CheckpointState:
    """Read the language model, ``flow.pt`` and ``hift.pt`` of ``folder``.

    Raises:
        WeightsError: a file is missing or is not a plain state dict.
    """
    return CheckpointState(
        llm=read_state(folder / llm_file),
        flow=read_state(folder / "flow.pt"),
        hift=plain_vocoder_state(read_state(folder / "hift.pt")),
    )


def read_state(path: Path) -> dict[str, Tensor]:
    """Read one state dict without running any code that the file might carry.

    Raises:
        WeightsError: the file is missing, unreadable, or holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"the model directory {path.parent} lacks {path.name}")
    try:
        state = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{path} cannot be read as a state dict: {error}") from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise WeightsError(f"{path} is not a plain state dict of named tensors")
    return state


def plain_vocoder_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip the ``generator.`` prefix and fold weight norm into plain ``X.weight`` entries.

    A folded weight is ``g * v / norm(v)`` with the norm over all dimensions but the first
    (Salimans and Kingma, 2016; torch's ``weight_norm`` with ``dim=0``, also for transposed
    convolutions). It is computed and returned in float64, for the part that runs in float64.
    Half of a pair is left under its own name, so that it is reported later.
    """
    stripped = {name.removeprefix(_VOCODER_PREFIX): value for name, value in state.items()}
    for magnitude_suffix, direction_suffix in _WEIGHT_NORM_SPELLINGS:
        for name in [name for name in stripped if name.endswith(magnitude_suffix)]:
            base = name.removesuffix(magnitude_suffix)
            if base + direction_suffix in stripped:
                magnitude = stripped.pop(name)
                direction = stripped.pop(base + direction_suffix)
                stripped[f"{base}.weight"] = _fold(magnitude, direction)
    return stripped


def _fold(magnitude: Tensor, direction: Tensor) -> Tensor:
    direction = direction.double()
    norm = torch.linalg.vector_norm(direction.flatten(1), dim=1)
    scale: Tensor = magnitude.double().flatten() / norm
    return direction * scale.view(-1, 1, 1)


class StateReader:
    """Hands out a state dict's tensors by name and shape, and reports all that does not fit.

    Used as a context manager: leaving it raises one ``WeightsError`` that lists every key that was
    missing, had another shape, or was never asked for.

    Example:
        >>> with StateReader("hift.pt", {"a": torch.ones(2)}) as reader:
        ...     weight = reader.take("a", 2)
    """

    def __init__(self, label: str, state: Mapping[str, Tensor]) -> None:
        self._label = label
        self._state = state
        self._untouched = dict.fromkeys(state)
        self._problems: list[str] = []

    def take(self, name: str, *shape: int) -> Tensor:
        """Return the tensor ``name`` as stored.

        Where it is missing or has another shape, that is noted and an empty tensor of the right
        shape returned, so that one reading finds every fault.
        """
        self._untouched.pop(name, None)
        tensor = self._state.get(name)
        if tensor is None:
            self._problems.append(f"missing: {name} {list(shape)}")
        elif tuple(tensor.shape) != shape:
            self._problems.append(f"wrong shape: {name} is {list(tensor.shape)}, not {list(shape)}")
        else:
            return tensor
        return torch.empty(shape, device=self._device)

    def skip(self, name: str) -> None:
        """Accept the key ``name``, whose tensor the model has no use for."""
        self._untouched.pop(name, None)

    @property
    def _device(self) -> torch.device:
        return next((tensor.device for tensor in self._state.values()), torch.device("cpu"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        problems = self._problems + [f"unexpected: {name}" for name in self._untouched]
        if error is None and problems:
            listing = "\n  ".join(problems)
            raise WeightsError(
                f"{self._label} does not fit the model's configuration "
                f"({len(problems)} keys):\n  {listing}"
            )
