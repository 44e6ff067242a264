"""From a YAML document to a typed model, with every misfit said in plain words, at its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lab.content.model import VERBS
from lab.content.names import nearest_name, suggestion
from lab.content.yamlfile import Document, Key, Where, said
from lab.errors import ContentError, Problem

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], document: Document) -> M:
    """The document as a model; raises ContentError with every problem, one for each value that does not fit."""
    if not isinstance(document.value, dict):
        known = ", ".join(f"`{key}`" for key in _keys(model))
        what = "is empty" if document.value is None else f"is {_kind(document.value)}, not a mapping"
        problem = document.problem((), what, f"write keys and values; the keys are {known}")
        raise ContentError(f"Cannot use {document.path}", [problem])
    try:
        return model.model_validate(document.value, context={"written": True})
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [_problem(model, document, detail, details) for detail in details]
        raise ContentError(f"Cannot use {document.path}", _in_order(problems)) from None


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.where))


def _problem(model: type[BaseModel], document: Document, detail: ErrorDetails, every: list[ErrorDetails]) -> Problem:
    where = _written_where(document, detail)
    what, next_step = _words(model, document, detail, where, every)
    return document.problem(where, what, next_step)


def _written_where(document: Document, detail: ErrorDetails) -> Where:
    """The error's path without the parts that name a branch of a union instead of something written."""
    where: Where = ()
    value = document.value
    for index, key in enumerate(detail["loc"]):
        last = index == len(detail["loc"]) - 1
        if (isinstance(value, dict) and key in value) or (isinstance(value, list) and isinstance(key, int)):
            where, value = (*where, key), document.at((*where, key))
        elif last and detail["type"] == "missing":
            where = (*where, key)
    return where


def _words(
    model: type[BaseModel], document: Document, detail: ErrorDetails, where: Where, every: list[ErrorDetails]
) -> tuple[str, str]:
    """What is wrong and what to do, for one error of pydantic."""
    context = detail.get("ctx", {})
    value = detail["input"]
    name = str(where[-1]) if where else ""
    match detail["type"]:
        case "missing":
            return "is missing", _missing_step(name, where, document, every)
        case "extra_forbidden":
            return f"`{name}` is not a key here", suggestion(name, _known_keys(model, where[:-1]))
        case "literal_error":
            known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            if not known:
                return f"is {_shown(value)}", f"write {context.get('expected', 'another value')}"
            return f"{_shown(value)} is not known here", suggestion(said(value), known)
        case "string_type":
            return _not_text(document, where, value)
        case "step_verb":
            return _not_a_step(value)
        case "value_error":
            what, _, step = str(context.get("error", detail["msg"])).partition("; ")
            if (written := document.written.get(where)) is not None and isinstance(value, bool | float):
                what = what.replace(repr(value), f"`{written}`")
            return what, step or "write another value"
        case "string_pattern_mismatch":
            return f"{_shown(value)} has another form than asked for", f"match {context.get('pattern')}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"is {_kind(value)}", "write a mapping of keys and values"
        case "tuple_type" | "list_type":
            return f"is {_kind(value)}", "write a list: [one, two], or lines that start with a dash"
        case "too_short" | "too_long":
            bound = context.get("min_length", context.get("max_length"))
            return f"has {context.get('actual_length')} entries", f"write {_bound_word(detail)} {bound}"
        case "string_too_short" | "string_too_long":
            bound = context.get("min_length", context.get("max_length"))
            return f"is {len(str(value))} characters long", f"write {_bound_word(detail)} {bound} characters"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            sign = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}
            bound = next(iter(context.values()), "")
            return f"is {said(value)}", f"write a number {sign[detail['type']]} {bound}"
        case "finite_number":
            return f"is {said(value)}", "write an ordinary number"
        case kind if kind.startswith(("int_", "float_")):
            noun = "a whole number" if kind.startswith("int_") else "a number"
            return f"{_shown(document.written.get(where, value))} is not {noun}", f"write {noun}, without quotes"
        case _:
            return detail["msg"][:1].lower() + detail["msg"][1:], "write another value"


def _bound_word(detail: ErrorDetails) -> str:
    return "at least" if detail["type"].endswith("short") else "at most"


def _missing_step(name: str, where: Where, document: Document, every: list[ErrorDetails]) -> str:
    """Name the unknown sibling that was probably meant to be the missing key."""
    strangers = [
        str(detail["loc"][-1])
        for detail in every
        if detail["type"] == "extra_forbidden" and _written_where(document, detail)[:-1] == where[:-1]
    ]
    near = nearest_name(name, strangers)
    return f"rename `{near}` to `{name}`" if near else f"add `{name}:`"


def _not_text(document: Document, where: Where, value: object) -> tuple[str, str]:
    written = document.written.get(where)
    if written is None:
        return f"is {_kind(value)}", "write text"
    if not written or value is None:
        return "is empty", "write text"
    return f"`{written}` is read by YAML as {_kind(value)} ({said(value)})", f'put it in quotes: "{written}"'


def _not_a_step(value: object) -> tuple[str, str]:
    if not isinstance(value, dict):
        return f"is {_kind(value)}", f"write a verb and its object; the verbs are {', '.join(VERBS)}"
    if len(value) != 1:
        return f"has {len(value)} keys", "write one verb per step; start a new line with a dash for the next"
    verb = str(next(iter(value)))
    return f"`{verb}` is not a verb", suggestion(verb, VERBS)


def _kind(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _shown(value: object) -> str:
    text = said(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _known_keys(model: type[BaseModel], where: Where) -> list[str]:
    """The keys that are accepted at a path, over all branches of unions on the way."""
    places: list[object] = [model]
    for key in where:
        places = [inner for place in places for inner in _inside(place, key)]
    return sorted({key for place in places for found in _models(place) for key in _keys(found)})


def _inside(place: object, key: Key) -> Iterator[object]:
    """The annotations that a key or index of a value of this annotation may have."""
    for part in _branches(place):
        origin, arguments = get_origin(part), get_args(part)
        if isinstance(part, type) and issubclass(part, BaseModel):
            for name, field in part.model_fields.items():
                if key == (field.alias or name):
                    yield field.annotation
        elif origin is tuple or origin is list:
            yield arguments[0]
        elif origin is dict or origin is Mapping:
            yield arguments[1]


def _branches(place: object) -> Iterator[object]:
    if get_origin(place) is Annotated:
        yield from _branches(get_args(place)[0])
    elif get_origin(place) in (Union, UnionType):
        for part in get_args(place):
            yield from _branches(part)
    else:
        yield place


def _models(place: object) -> Iterator[type[BaseModel]]:
    for part in _branches(place):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part
