"""The OpenAPI document as a page to read, made here: no script, nothing from elsewhere."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 62rem; margin: 0 auto; padding: 1rem }
summary { cursor: pointer; padding: .3rem 0 }
summary code { font-weight: 600 }
table { border-collapse: collapse; margin: .5rem 0; width: 100% }
th, td { border-bottom: 1px solid #8888; padding: .25rem .5rem; text-align: left;
  vertical-align: top }
pre { overflow-x: auto; padding: .5rem; border: 1px solid #8888 }
"""


def docs_page(document: dict[str, Any], base_url: str) -> str:
    """Show ``document`` as HTML; examples call the service at ``base_url``."""
    info = document["info"]
    parts = "".join(_families(document, base_url))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style>"
        f"<main><h1>{escape(info['title'])}</h1><p>{escape(info.get('description', ''))}</p>"
        f'<p><a href="openapi.json">openapi.json</a></p>{parts}</main></html>'
    )


def _families(document: dict[str, Any], base_url: str) -> Iterator[str]:
    families: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = _operation(method.upper(), path, operation, base_url)
            families.setdefault(operation.get("tags", ["Other"])[0], []).append(shown)
    for name, operations in families.items():
        yield f"<h2>{escape(name)}</h2>{''.join(operations)}"


def _operation(method: str, path: str, operation: dict[str, Any], base_url: str) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    body: dict[str, Any] = next(iter(content.values()), {})
    return (
        f"<details><summary><code>{method} {escape(path)}</code> "
        f"{escape(operation.get('summary', ''))}</summary>"
        f"{_example(method, base_url + path, body)}"
        f"{_fields(body.get('schema', {}), operation.get('parameters', []))}"
        f"{_answers(operation['responses'])}</details>"
    )


def _example(method: str, url: str, body: dict[str, Any]) -> str:
    line = f"curl {url}" if method in ("GET", "POST") else f"curl -X {method} {url}"
    if "example" in body:
        fields = json.dumps(body["example"], ensure_ascii=False)
        line += f" -H 'content-type: application/json' -d '{fields}' -o speech"
    return f"<pre>{escape(line)}</pre>"


def _fields(schema: dict[str, Any], parameters: list[dict[str, Any]]) -> str:
    required = schema.get("required", [])
    fields = [
        (name, field, name in required) for name, field in schema.get("properties", {}).items()
    ] + [(each["name"], each["schema"], each.get("required", False)) for each in parameters]
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code>{' (required)' if needed else ''}<td>"
        f"{escape(field.get('description', _kind(field)))}<td>{_default(field)}"
        for name, field, needed in fields
    )
    return f"<table><tr><th>field<th>what it is<th>default{rows}</table>" if rows else ""


def _kind(field: dict[str, Any]) -> str:
    return str(field.get("type", "string"))


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return "" if default is None else f"<code>{escape(json.dumps(default))}</code>"


def _answers(responses: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(status))}<td>{escape(answer.get('description', ''))}<td>"
        f"{escape(', '.join(answer.get('content', {})))}"
        for status, answer in responses.items()
    )
    return f"<table><tr><th>status<th>meaning<th>body{rows}</table>"
