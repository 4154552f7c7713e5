import re

import pytest
import yaml
from model_files import BACKBONE, YAML, write_model_files

from engines.cosyvoice.config import ConformerConfig, DitConfig, Version
from engines.cosyvoice.hyperyaml import read_hyperyaml
from engines.cosyvoice.model_dir import open_model_directory
from engines.errors import EngineLoadError

WEIGHTS = ("llm.pt", "flow.pt", "hift.pt")


@pytest.fixture(params=list(Version))
def model_dir(request, tmp_path):
    write_model_files(tmp_path, request.param)
    for name in WEIGHTS:
        (tmp_path / name).touch()
    return tmp_path, request.param


def test_the_version_is_found_and_the_sizes_are_read(model_dir):
    root, version = model_dir
    directory = open_model_directory(root)
    config = directory.read_config()
    assert directory.version == config.version == version
    assert (config.llm.hidden, config.llm.layers, config.llm.head_dim) == (32, 2, 8)
    assert config.llm.sampling.top_k == 25
    assert directory.speech_tokenizer.is_file()
    if version is Version.COSYVOICE2:
        assert isinstance(config.flow.front, ConformerConfig)
        assert config.flow.front.ffn == 32
        assert config.llm.output_size == 6564
        assert config.prompt_mel_fmax_hz == 8000
    else:
        assert isinstance(config.flow.estimator, DitConfig)
        assert config.flow.estimator.heads == 2
        assert config.llm.output_size == 6761
        assert config.prompt_mel_fmax_hz == 12_000


def test_everything_that_is_missing_is_in_one_error(model_dir):
    root, _ = model_dir
    (root / "llm.pt").unlink()
    (root / "campplus.onnx").unlink()
    (root / "CosyVoice-BlankEN" / "config.json").unlink()
    with pytest.raises(EngineLoadError) as caught:
        open_model_directory(root)
    for part in ("llm.pt", "campplus.onnx", "CosyVoice-BlankEN/config.json", "download"):
        assert part in str(caught.value)


def test_another_folder_is_no_model(tmp_path):
    with pytest.raises(EngineLoadError, match=r"cosyvoice2\.yaml or cosyvoice3\.yaml.*download"):
        open_model_directory(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("sample_rate: 24000", "sample_rate: 22050", "sample_rate 22050"),
        ("chunk_size: 25", "chunk_size: 50", "chunk_size 50"),
        ("vocab_size: 6561", "vocab_size: 4096", "vocab_size 4096"),
        ("        top_k: 25\n", "", "top_k"),
        ("<token_mel_ratio>", "<nothing>", "leads nowhere"),
        ("sample_rate: 24000", "sample_rate: [", "cannot be read"),
    ],
)
def test_what_the_runtime_cannot_follow_is_named(model_dir, old, new, fault):
    root, version = model_dir
    file = root / f"{version}.yaml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(EngineLoadError, match=re.escape(fault)):
        open_model_directory(root).read_config()


def test_nothing_in_the_yaml_is_run(tmp_path):
    file, witness = tmp_path / "evil.yaml", tmp_path / "witness"
    file.write_text(
        f"a: !apply:os.system [touch {witness}]\n"
        f"b: !!python/object/apply:os.system ['touch {witness}']\n"
    )
    with pytest.raises(EngineLoadError):
        read_hyperyaml(file)
    file.write_text(f"a: !apply:os.system [touch {witness}]\n")
    assert read_hyperyaml(file) == {"a": [f"touch {witness}"]}
    assert not witness.exists()


def test_references_and_products_are_followed(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("a: 3\nb: !ref <a> * <a>\nc:\n  d: !ref <b>\n  e: [!ref <a>, !ref <a>/x]\n")
    assert read_hyperyaml(file) == {"a": 3, "b": 9, "c": {"d": 9, "e": [3, None]}}


def test_the_test_yaml_is_not_plain_yaml():
    with pytest.raises(yaml.constructor.ConstructorError):
        yaml.safe_load(YAML[Version.COSYVOICE2].format(hidden=BACKBONE["hidden_size"]))
