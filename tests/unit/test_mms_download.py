"""Fetching a language of MMS: what is refused before and after the hub is asked."""

import pytest
from test_mms import write_checkpoint

from engines.errors import EngineLoadError
from engines.mms import download as module


def hub_that_gives(source, monkeypatch):
    """Put a hub in place whose every model is the folder ``source``; return what it was asked."""
    asked = []

    def fetch_into(folder, hub_id, hub, **_):
        asked.append((hub_id, hub))
        folder.mkdir()
        for file in source.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())

    monkeypatch.setattr(module, "fetch_into", fetch_into)
    return asked


def test_a_language_is_fetched_under_metas_name(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "hub")
    asked = hub_that_gives(tmp_path / "hub", monkeypatch)
    module.download("zlm", tmp_path / "zlm", "modelscope")
    assert asked == [("facebook/mms-tts-zlm", "modelscope")]


def test_what_came_is_checked(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "hub")
    (tmp_path / "hub/vocab.json").unlink()
    hub_that_gives(tmp_path / "hub", monkeypatch)
    with pytest.raises(EngineLoadError, match=r"lacks vocab\.json"):
        module.download("zlm", tmp_path / "zlm", "modelscope")


@pytest.mark.parametrize(
    ("code", "offline", "words"),
    [("../zlm", "0", "no language code"), ("Malay", "0", "no language"), ("zlm", "1", "OFFLINE")],
)
def test_nothing_is_asked_of_the_hub(tmp_path, monkeypatch, code, offline, words):
    monkeypatch.setenv("MODELSCOPE_OFFLINE", offline)
    asked = hub_that_gives(tmp_path, monkeypatch)
    with pytest.raises(EngineLoadError, match=words):
        module.download(code, tmp_path / "model", "modelscope")
    assert asked == []
