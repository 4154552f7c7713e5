"""Reading a HyperPyYAML file for its numbers, without building any of the objects it names.

Tags such as ``!new:package.Class`` are ignored: what stands under them stays a plain mapping. Only
``!ref <name>`` and products of such references are followed.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from engines.errors import EngineLoadError

_REFERENCE = re.compile(r"<([\w.]+)>")


class _Reference(str):
    """The text of a ``!ref``."""

    __slots__ = ()


class _PlainLoader(yaml.SafeLoader):
    """A safe loader that knows references and takes every other tag for none."""


def _plain(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    text = loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else ""
    return _Reference(text) if suffix == "ref" else text


_PlainLoader.add_multi_constructor("!", _plain)


def read_hyperyaml(file: Path) -> dict[str, Any]:
    """Return the mappings, lists and numbers of ``file``, with references resolved.

    Raises:
        EngineLoadError: the file cannot be read, or a reference leads nowhere.
    """
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), _PlainLoader)  # noqa: S506  is safe
    except (OSError, yaml.YAMLError) as error:
        raise EngineLoadError(f"{file} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise EngineLoadError(f"{file} is not a mapping")
    return {name: _resolve(value, document, file) for name, value in document.items()}


def _resolve(value: Any, document: dict[str, Any], file: Path) -> Any:
    if isinstance(value, _Reference):
        return _follow(value, document, file)
    if isinstance(value, dict):
        return {name: _resolve(part, document, file) for name, part in value.items()}
    if isinstance(value, list):
        return [_resolve(part, document, file) for part in value]
    return value


def _follow(reference: str, document: dict[str, Any], file: Path) -> Any:
    """The value of ``<a>``, or the product of ``<a> * <b>``; other sums are not needed: None."""
    factors = [factor.strip() for factor in reference.split("*")]
    matches = [_REFERENCE.fullmatch(factor) for factor in factors]
    values = []
    for match in matches:
        if match is None:
            return None
        if match[1] not in document:
            raise EngineLoadError(f"{file}: !ref {reference} leads nowhere")
        values.append(_resolve(document[match[1]], document, file))
    product = values[0]
    for factor in values[1:]:
        product *= factor
    return product
