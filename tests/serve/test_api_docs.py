"""The examples of docs/api.md, executed as they stand."""

import re
import shutil
import subprocess

import pytest

from configs.environment import PROJECT_ROOT

BLOCKS = re.findall(r"```bash\n(.*?)```", (PROJECT_ROOT / "docs/api.md").read_text("utf-8"), re.S)
RAW = {".pcm": "s16le", ".f32": "f32le"}


@pytest.fixture
def no_voice_stays(embedded):
    yield
    for voice in embedded.get("/v1/audio/voices").json()["data"]:
        if not voice["builtin"]:
            embedded.delete(f"/v1/audio/voices/{voice['id']}").raise_for_status()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.usefixtures("no_voice_stays")
def test_every_example_in_its_turn(embedded, decode, tmp_path):
    """They run where the project's voices are and nothing else; later ones use earlier voices."""
    address = str(embedded.base_url).removeprefix("http://").rstrip("/")
    for number, block in enumerate(BLOCKS):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "voices").symlink_to(PROJECT_ROOT / "voices")
        script = block.replace("localhost:8000", address)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stderr.decode()}"
        files = [file for file in folder.iterdir() if file.is_file()]
        assert files or done.stdout, f"shows nothing:\n{block}"
        assert len(files) == script.count(" -o ")
        for file in files:
            samples = decode(file.read_bytes(), raw=RAW.get(file.suffix))
            assert 0.3 < len(samples) / 24_000 < 10, file.name
