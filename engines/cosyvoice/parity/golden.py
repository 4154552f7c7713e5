"""Reading a directory of reference data."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.cosyvoice.config import CosyVoiceConfig
from engines.cosyvoice.flat_config import config_from_flat
from engines.cosyvoice.parity.weights import filled_state

_SHARED_FILES = {"config", "shapes"}


class GoldenArrays:
    """The arrays of one stage; remembers which were used, so that none goes unchecked."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], device: str) -> None:
        self._arrays = arrays
        self._device = device
        self._unused = dict.fromkeys(arrays)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> NDArray[Any]:
        self._unused.pop(name, None)
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def ids(self, name: str) -> list[int]:
        """Read an array of ids."""
        return [int(value) for value in self[name]]

    def tensor(self, name: str) -> Tensor:
        """Read an array as fp32, onto the device that is tested."""
        return torch.from_numpy(np.asarray(self[name], np.float32)).to(self._device)

    @property
    def unused(self) -> list[str]:
        """Names that nobody has read."""
        return list(self._unused)


@dataclass(frozen=True)
class GoldenVersion:
    """The reference data of one CosyVoice version: ``<root>/<name>/tiny``."""

    name: str
    folder: Path
    device: str = "cpu"
    """Where our side is computed."""

    @cached_property
    def flat(self) -> dict[str, Any]:
        """The configuration, as in the file."""
        return dict(_read_json(self.folder / "config.json"))

    @cached_property
    def config(self) -> CosyVoiceConfig:
        """The configuration."""
        return config_from_flat(self.flat)

    @property
    def clip(self) -> Path:
        """The reference clip, which all versions share."""
        return self.folder.parents[1] / "ref.wav"

    @property
    def stages(self) -> list[str]:
        """Stages that the directory has files for."""
        return sorted(
            {
                path.stem
                for path in self.folder.iterdir()
                if path.suffix in (".npz", ".json") and path.stem not in _SHARED_FILES
            }
        )

    def arrays(self, stage: str) -> GoldenArrays:
        """Read ``<stage>.npz``; empty where the stage has none."""
        path = self.folder / f"{stage}.npz"
        if not path.exists():
            return GoldenArrays({}, self.device)
        with np.load(path) as archive:
            return GoldenArrays(dict(archive), self.device)

    def notes(self, stage: str) -> Any:
        """Read ``<stage>.json``: what the cases are, and what was measured."""
        return _read_json(self.folder / f"{stage}.json")

    def state(self, stage: str) -> dict[str, Tensor]:
        """Make the weights of ``stage`` that the reference data was computed with.

        The dict is the caller's own, the tensors are shared: replace, do not change them.
        """
        if stage not in self._states:
            shapes = _read_json(self.folder / "shapes.json")[stage]
            self._states[stage] = filled_state(stage, shapes, self.flat["fill_salt"])
        return dict(self._states[stage])

    @cached_property
    def _states(self) -> dict[str, dict[str, Tensor]]:
        return {}


def golden_versions(root: Path, device: str) -> list[GoldenVersion]:
    """Find the versions in ``root``.

    Raises:
        FileNotFoundError: there is none.
    """
    found = [
        GoldenVersion(folder.name, folder / "tiny", device)
        for folder in sorted(root.iterdir())
        if (folder / "tiny" / "config.json").is_file()
    ]
    if not found:
        raise FileNotFoundError(f"{root} holds no <version>/tiny/config.json")
    return found


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
