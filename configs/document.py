"""``python -m configs.document > docs/configuration.md``: every setting, as a table."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from configs.app import AppConfig
from configs.door import DoorSettings
from configs.environment import Environment

_HEAD = """# Configuration

Made by `python -m configs.document` from the settings themselves; a test keeps it current.

A profile is Ray Serve's own YAML. What follows stands under `applications[].args` in it; a key that
is not here is refused. `python -m serve_app.profile FILE` lists every fault of a file. The other
keys (replicas, GPUs, queues) are Ray Serve's; `serve_config.yaml` shows those that matter.
"""
_ENVIRONMENT = """
## Environment variables

`CUDA_VISIBLE_DEVICES` is read by Ray, which hands each replica its share.
"""
_DOOR = """
## The door

Bounds of each of Ray's proxies, by environment variables on every node.

| variable | default | meaning |
|---|---|---|"""


def main() -> None:
    """Print the document."""
    sys.stdout.write(document())


def document() -> str:
    """The whole document."""
    lines = [_HEAD, *_sections(AppConfig, "args")]
    lines += [_ENVIRONMENT, *(f"- {text}" for text in _docs(Environment).values()), _DOOR]
    docs = _docs(DoorSettings)
    for name, field in DoorSettings.model_fields.items():
        lines.append(f"| `DOOR_{name.upper()}` | {_default(field)} | {docs.get(name, '')} |")
    return "\n".join(lines) + "\n"


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    """Yield the lines of ``model``, then those of the models in it, each once."""
    docs, inner = _docs(model), []
    yield f"## {path}\n\n{_text(inspect.getdoc(model))}\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    for name, field in model.model_fields.items():
        meaning = docs.get(name, "")
        yield f"| `{name}` | {_type(field.annotation)} | {_default(field)} | {meaning} |"
        inner += [(part, f"{path}.{name}") for part in _models_in(field.annotation)]
    yield ""
    seen: set[type[BaseModel]] = set()
    for part, place in inner:
        if part not in seen:
            seen.add(part)
            engine = part.model_fields.get("engine")
            kind = f", engine: {get_args(engine.annotation)[0]}" if engine else ""
            yield from _sections(part, place.replace("cosyvoice", "NAME") + kind if kind else place)


def _docs(model: type[Any]) -> dict[str, str]:
    """Each attribute's docstring, in one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{model.__name__} is no class")
    found = {}
    for here, after in zip(body.body, body.body[1:], strict=False):
        if not isinstance(here, ast.AnnAssign) or not isinstance(here.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[here.target.id] = _text(str(after.value.value))
    return found


def _text(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").replace("|", "\\|").split())


def _type(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(parts[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_type, parts)))
    if origin is dict:
        return f"{_type(parts[0])} to {_type(parts[1])}"
    if origin in (tuple, list, frozenset):
        return f"list of {_type(parts[0])}"
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    return _plain_type(annotation)


def _plain_type(kind: type[Any]) -> str:
    if issubclass(kind, BaseModel):
        return "see below"
    names = {"str": "text", "bool": "true, false", "Path": "path", "NoneType": "nothing"}
    return names.get(kind.__name__, kind.__name__)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    if value is None:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


if __name__ == "__main__":
    main()
