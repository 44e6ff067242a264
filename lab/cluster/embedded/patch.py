"""The three ordinary patches: strategic merge, JSON merge (RFC 7386) and JSON patch (RFC 6902)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from lab.cluster.embedded.schema import Field, field_table
from lab.cluster.embedded.status import StatusError, bad_request

DIRECTIVE = "$patch"
ORDER = "$setElementOrder/"
DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
RETAIN = "$retainKeys"


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: objects merge, null deletes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: Mapping[str, Any], operations: Any) -> Any:
    """RFC 6902 over a copy of `target`.

    Raises:
        StatusError: 400 for what is no JSON patch, 422 for one that does not fit the object, a failing `test` included.
    """
    import jsonpatch

    if not isinstance(operations, list):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    try:
        return jsonpatch.JsonPatch(operations).apply(target)
    except jsonpatch.InvalidJsonPatch as error:
        raise bad_request(f"error decoding patch: {error}") from None
    except jsonpatch.JsonPatchTestFailed:
        text = "the server rejected our request due to an error in our request: a test operation failed"
        raise StatusError(422, "Invalid", text) from None
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
        text = f"the server rejected our request due to an error in our request: {error}"
        raise StatusError(422, "Invalid", text) from None


def strategic_merge(message: str, target: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """A strategic merge patch over a copy of `target`, an object of that message.

    Lists whose field has a merge key merge item by item; other lists are replaced. Understands `$patch: delete`,
    `$patch: replace`, `$retainKeys`, `$setElementOrder/LIST` and `$deleteFromPrimitiveList/LIST`.

    Raises:
        StatusError: 400, the patch is no object or lacks a merge key.
    """
    if not isinstance(patch, Mapping):
        raise bad_request("error decoding patch: a strategic merge patch is an object")
    return _merge_object(message, copy.deepcopy(dict(target)), patch)


def _merge_object(message: str, target: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    match patch.get(DIRECTIVE):
        case "replace":
            return {key: copy.deepcopy(value) for key, value in patch.items() if key != DIRECTIVE}
        case "delete":
            return {}
        case "merge" | None:
            pass
        case other:
            raise bad_request(f"Unknown patch type found: {other}")
    retained = patch.get(RETAIN)
    if retained is not None:
        target = {key: value for key, value in target.items() if key in retained}
    fields = field_table().message(message).fields if message else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            target.pop(key, None)
        else:
            target[key] = _merge_value(fields.get(key), target.get(key), value)
    _apply_list_directives(fields, target, patch)
    return target


def _merge_value(field: Field | None, old: Any, new: Any) -> Any:
    if isinstance(new, list):
        if field is not None and "merge" in field.strategy and field.container == "list":
            return _merge_list(field, old if isinstance(old, list) else [], new)
        return copy.deepcopy(new)
    if isinstance(new, Mapping):
        message = field.type if field is not None and field.is_message and not field.container else ""
        return _merge_object(message, dict(old) if isinstance(old, Mapping) else {}, new)
    return new


def _merge_list(field: Field, old: list[Any], new: list[Any]) -> list[Any]:
    if not field.merge_key:
        return old + [item for item in new if item not in old]
    if any(isinstance(item, Mapping) and item.get(DIRECTIVE) == "replace" for item in new):
        return [copy.deepcopy(item) for item in new if DIRECTIVE not in item]
    merged = list(old)
    for item in new:
        value = item.get(field.merge_key) if isinstance(item, Mapping) else None
        if value is None:
            raise bad_request(f"map: {item} does not contain declared merge key: {field.merge_key}")
        at = _index(merged, field.merge_key, value)
        if item.get(DIRECTIVE) == "delete":
            merged = [held for held in merged if held.get(field.merge_key) != value]
        elif at is None:
            merged.append(_merge_object(field.type, {}, item))
        else:
            merged[at] = _merge_object(field.type, dict(merged[at]), item)
    return merged


def _index(items: Sequence[Any], key: str, value: Any) -> int | None:
    return next((at for at, item in enumerate(items) if item.get(key) == value), None)


def _apply_list_directives(fields: Mapping[str, Field], target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if key.startswith(DELETE_PRIMITIVES):
            name = key[len(DELETE_PRIMITIVES) :]
            if isinstance(target.get(name), list):
                target[name] = [item for item in target[name] if item not in value]
    for key, value in patch.items():
        if key.startswith(ORDER):
            name = key[len(ORDER) :]
            field = fields.get(name)
            if isinstance(target.get(name), list) and field is not None:
                target[name] = _ordered(target[name], value, field.merge_key)


def _ordered(items: list[Any], order: Sequence[Any], merge_key: str) -> list[Any]:
    """The items named in `order` in that order; the others stay before the named one that they stood before."""

    def identity(item: Any) -> Any:
        return item.get(merge_key) if merge_key and isinstance(item, Mapping) else item

    rank = {identity(item): at for at, item in enumerate(order)}
    named = sorted((item for item in items if identity(item) in rank), key=lambda item: rank[identity(item)])
    place = {identity(item): at for at, item in enumerate(items)}
    others = [item for item in items if identity(item) not in rank]
    result: list[Any] = []
    for item in named:
        while others and place[identity(others[0])] < place[identity(item)]:
            result.append(others.pop(0))
        result.append(item)
    return result + others
