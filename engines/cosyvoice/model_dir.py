"""A released model directory: what must be in it, and what it says of its sizes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engines.cosyvoice.config import CosyVoiceConfig, Version
from engines.cosyvoice.hyperyaml import read_hyperyaml
from engines.cosyvoice.model_config import Numbers, config_from_yaml
from engines.errors import EngineLoadError

_BACKBONE = "CosyVoice-BlankEN"
_SPEECH_TOKENIZERS = {
    Version.COSYVOICE2: "speech_tokenizer_v2.onnx",
    Version.COSYVOICE3: "speech_tokenizer_v3.onnx",
}
_HOW_TO_GET = "fetch it: python -m engines.cosyvoice.download cosyvoice2|cosyvoice3 --to DIR"


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """The files of one checkpoint."""

    root: Path
    version: Version

    @property
    def backbone(self) -> Path:
        """The Qwen2 directory: its configuration and its tokenizer."""
        return self.root / _BACKBONE

    @property
    def speech_tokenizer(self) -> Path:
        """The ONNX model that turns a clip into speech tokens."""
        return self.root / _SPEECH_TOKENIZERS[self.version]

    @property
    def speaker_encoder(self) -> Path:
        """The ONNX model that turns a clip into an x-vector."""
        return self.root / "campplus.onnx"

    @property
    def speakers(self) -> Path:
        """The x-vectors of built-in speakers (sft); not every directory has one."""
        return self.root / "spk2info.pt"

    def read_config(self) -> CosyVoiceConfig:
        """Read the sizes from the yaml and the backbone's ``config.json``.

        Raises:
            EngineLoadError: a number is missing, or one that this runtime cannot follow differs.
        """
        file = self.root / f"{self.version}.yaml"
        numbers = read_hyperyaml(file)
        try:
            return config_from_yaml(self.version, numbers, self._read_backbone())
        except (KeyError, TypeError, ValueError) as error:
            raise EngineLoadError(f"{file} lacks or garbles {error}") from error

    def _read_backbone(self) -> Numbers:
        file = self.backbone / "config.json"
        try:
            return dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise EngineLoadError(f"{file} cannot be read: {error}") from error


def open_model_directory(root: Path) -> ModelDirectory:
    """Find out which version ``root`` holds, and that nothing is missing.

    Raises:
        EngineLoadError: one error that lists everything that is missing, and how to get it.
    """
    versions = [version for version in Version if (root / f"{version}.yaml").is_file()]
    if not versions:
        wanted = " or ".join(f"{version}.yaml" for version in Version)
        raise EngineLoadError(f"{root} is no CosyVoice model: it lacks {wanted}; {_HOW_TO_GET}")
    directory = ModelDirectory(root, versions[-1])
    missing = list(_missing_files(directory))
    if missing:
        raise EngineLoadError(f"{root} lacks {', '.join(missing)}; {_HOW_TO_GET}")
    return directory


def _missing_files(directory: ModelDirectory) -> Iterator[str]:
    needed = [directory.root / name for name in ("llm.pt", "flow.pt", "hift.pt")]
    needed += [directory.speech_tokenizer, directory.speaker_encoder]
    needed += [directory.backbone / "config.json"]
    for file in needed:
        if not file.is_file():
            yield str(file.relative_to(directory.root))
    vocabularies = ("tokenizer.json", "vocab.json")
    if not any((directory.backbone / name).is_file() for name in vocabularies):
        yield f"{_BACKBONE}/{' or '.join(vocabularies)}"
