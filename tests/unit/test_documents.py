"""What the documents say: links lead somewhere, and what they name is there."""

import re
import shlex
from importlib.util import find_spec

import pytest

from commands.main import main as command_line
from configs.document import document
from configs.environment import PROJECT_ROOT

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "voices/*.md")
    for path in PROJECT_ROOT.glob(pattern)
)
NAMES = [str(path.relative_to(PROJECT_ROOT)) for path in DOCUMENTS]
TEXTS = {
    name: path.read_text(encoding="utf-8") for name, path in zip(NAMES, DOCUMENTS, strict=True)
}
HOMES = (
    "access", "audio", "bench", "commands", "configs", "deploy", "deployments", "docs", "engines",
    "serve_app", "tests", "voices",
)  # fmt: skip
"""Folders in which files that documents name are looked for."""
MADE_LATER = re.compile(r"^(models|offline|logs|wheels)/")


def named(pattern):
    """(document, match) for each match of ``pattern`` in a document."""
    return sorted(
        {(name, found) for name, text in TEXTS.items() for found in re.findall(pattern, text)}
    )


def slug(heading):
    """The anchor of a heading, as hosts of Git repositories make it."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return kept.replace(" ", "-")


@pytest.mark.parametrize(("name", "target"), named(r"\]\(([^)\s]+)\)"))
def test_a_link_leads_somewhere(name, target):
    if re.match(r"(https?|mailto):", target):
        pytest.skip("not on this machine")
    path, _, anchor = target.partition("#")
    file = (PROJECT_ROOT / name).parent / path if path else PROJECT_ROOT / name
    assert file.exists(), f"{name} links to {target}"
    if anchor:
        headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in map(slug, headings), f"{name} links to {target}"


@pytest.mark.parametrize(
    ("name", "path"), named(rf"`((?:{'|'.join(HOMES)})/[\w./-]+\.(?:py|yaml|yml|conf|json|md|sh))`")
)
def test_a_file_that_is_named_is_there(name, path):
    assert MADE_LATER.match(path) or (PROJECT_ROOT / path).is_file(), f"{name} names {path}"


@pytest.mark.parametrize(("name", "module"), named(r"python -m ([\w.]+)"))
def test_a_module_that_is_named_is_there(name, module):
    assert find_spec(module) is not None, f"{name} runs {module}"


@pytest.mark.parametrize(("name", "words"), named(r"(?m)(?:^|`)make ([\w/. -]+?)(?:`|$| [A-Z]+=)"))
def test_a_target_of_make_is_there(name, words):
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    for target in words.split():
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), (
            f"{name}: make {target}"
        )


@pytest.mark.parametrize(
    ("name", "line"),
    named(r"(?m)cosyvoice-mms ((?:say|serve|voices|models|keys|bench|doctor)[^`\n]*)"),
)
def test_a_command_takes_the_flags_that_are_shown(name, line, capsys):
    words = shlex.split(line.replace("\\", ""), posix=False)
    command = words[:1]
    if len(words) > 1 and command[0] in ("voices", "models", "keys"):
        command = words[:2]
    with pytest.raises(SystemExit) as ended:
        command_line([*command, "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0, f"{name}: {command}"
    for flag in (word for word in words if word.startswith("--")):
        assert flag.partition("=")[0] in shown, f"{name}: {line}"


def test_the_table_of_settings_is_current():
    current = (PROJECT_ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert current == document(), "run: python -m configs.document > docs/configuration.md"


def test_the_chinese_readme_shows_the_same_commands():
    def commands(name):
        return re.findall(r"```bash\n(.+?)\n```", TEXTS[name], re.DOTALL)

    english = commands("README.md")
    chinese = commands("README.zh.md")
    assert chinese
    assert [line for line in english if line in chinese] == chinese
