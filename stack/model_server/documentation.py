"""The page at /docs: the OpenAPI document as plain HTML, which needs nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
section { border-top: 1px solid #8888; padding: .5rem 0 }
h2 { font-size: 1.05rem; font-family: ui-monospace, monospace; margin: .5rem 0 }
h2 b { display: inline-block; min-width: 4rem }
pre { overflow-x: auto; padding: .75rem; background: #8882; border-radius: 4px; font-size: .85rem }
td { padding: 0 1rem 0 0; vertical-align: top }
""".strip().replace("\n", " ")


def page(document: Mapping[str, Any]) -> str:
    """The HTML page of an OpenAPI document; every operation with its parameters, body, example and answers."""
    info = document["info"]
    title = escape(info["title"])
    sections = "\n".join(
        _operation(path, method, operation, document)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body>'
        f"<h1>{title} {escape(info['version'])}</h1>\n<p>{escape(info.get('description', ''))}</p>\n"
        f'<p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>\n{sections}\n</body></html>\n'
    )


def _operation(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    parts = [f"<section><h2><b>{method.upper()}</b> {escape(path)}</h2>", f"<p>{escape(operation['summary'])}</p>"]
    if parameters := operation.get("parameters"):
        parts.append(_table((item["name"], f"in the {item['in']}") for item in parameters))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body: {escape(kind)}</p>{_json(_resolved(content['schema'], document))}")
        if example := content.get("example"):
            parts.append(f"<p>For example:</p><pre>{escape(_curl(path, example))}</pre>")
    for code, response in operation.get("responses", {}).items():
        if code.startswith("2"):
            for content in response.get("content", {}).values():
                schema = _resolved(content.get("schema", {}), document)
                if schema:
                    parts.append(f"<details><summary>What {code} brings</summary>{_json(schema)}</details>")
    answers = operation.get("responses", {})
    parts.append(_table((code, answer.get("description", "")) for code, answer in answers.items()))
    return "\n".join([*parts, "</section>"])


def _table(rows: Iterator[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><code>{escape(name)}</code></td><td>{escape(text)}</td></tr>" for name, text in rows)
    return f"<table>{cells}</table>"


def _json(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2))}</pre>"


def _curl(path: str, example: object) -> str:
    return f"curl -s http://ADDRESS{path} -d '{json.dumps(example)}'"


def _resolved(schema: object, document: Mapping[str, Any]) -> Any:
    """A schema with what it refers to put in its place."""
    if isinstance(schema, list):
        return [_resolved(item, document) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        found: Any = document
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]
        return _resolved(found, document)
    return {key: _resolved(value, document) for key, value in schema.items()}
