"""Request bodies: JSON, YAML and protobuf in, trees out."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from lab.cluster.embedded.api.protobuf import decode_protobuf
from lab.cluster.embedded.status import StatusError, bad_request

PROTOBUF = "application/vnd.kubernetes.protobuf"


class _Loader(yaml.CSafeLoader):
    """YAML with times left as the text they are, as in JSON."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def media_type(header: str) -> str:
    """A content type without its parameters, lower-case."""
    return header.partition(";")[0].strip().lower()


def decode(raw: bytes, content_type: str) -> Any:
    """The document of a body.

    Raises:
        StatusError: 415 for other types, 400 for what cannot be read.
    """
    match media_type(content_type):
        case "" | "application/json":
            return parse_json(raw)
        case "application/yaml" | "application/x-yaml" | "text/yaml":
            return parse_yaml(raw)
        case media if media == PROTOBUF:
            return decode_protobuf(raw)
        case media:
            raise unsupported_media(media, ("application/json", "application/yaml", PROTOBUF))


def unsupported_media(media: str, accepted: tuple[str, ...]) -> StatusError:
    """415 with the types that would have been accepted."""
    text = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return StatusError(415, "UnsupportedMediaType", f"{text} (got {media!r})")


def parse_json(raw: bytes) -> Any:
    """A JSON document; raises StatusError 400."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None


def parse_yaml(raw: bytes) -> Any:
    """A YAML document with string keys; raises StatusError 400."""
    try:
        document = yaml.load(raw, Loader=_Loader)  # noqa: S506  a safe loader with fewer types
    except yaml.YAMLError as error:
        raise bad_request(f"yaml: {error}") from None
    return _with_text_keys(document)


def _with_text_keys(node: Any) -> Any:
    match node:
        case dict():
            return {_key(key): _with_text_keys(value) for key, value in node.items()}
        case list():
            return [_with_text_keys(item) for item in node]
        case _:
            return node


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)
