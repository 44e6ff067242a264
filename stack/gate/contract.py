"""The contract about features: the file `contracts/flight-features.yaml` of the platform repo."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

from stack.common.errors import StartError
from stack.common.features import COUNT, NAMES

Kind = Literal["null", "range", "type"]
KINDS: tuple[Kind, ...] = ("null", "range", "type")
"""What can be wrong with a value: missing where it must not be; out of its range; no number, or no whole one."""

Value = float | str | None
"""A value as a request may have it; only numbers and None can be right."""


class ContractError(ValueError):
    """The file is no contract about the twelve features; the message names the place in it."""


class TensorRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The input tensor, as the Open Inference Protocol describes it; -1 is any number of rows."""

    name: Literal["features"]
    datatype: Literal["FP32"]
    shape: tuple[Literal[-1], Literal[12]]


class FeatureRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the values of one feature have to be like."""

    name: str
    type: Literal["number", "whole"]
    unit: str
    low: float
    high: float
    nullable: bool

    def wrong(self, value: Value) -> Kind | None:
        """What is wrong with a value; NaN is missing."""
        if value is None or value != value:
            return None if self.nullable else "null"
        if isinstance(value, str):
            return "type"
        if not self.low <= value <= self.high:
            return "range"
        return "type" if self.type == "whole" and value != int(value) else None

    def told(self, kind: Kind, value: Value) -> str:
        """One line about a value that is wrong."""
        match kind:
            case "null":
                return f"{self.name} is missing and may not be"
            case "range":
                return f"{self.name} is {value:g}, outside {self.low:g} to {self.high:g} {self.unit}"
            case "type":
                shown = repr(value)[:40]
                return f"{self.name} is {shown}, which is no {'whole ' if self.type == 'whole' else ''}number"


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    schema: Literal[1]
    contract: Annotated[str, msgspec.Meta(min_length=1)]
    tensor: TensorRule
    features: Annotated[tuple[FeatureRule, ...], msgspec.Meta(min_length=COUNT, max_length=COUNT)]


def parse_contract(text: str) -> Contract:
    """
    Read the text of a contract.

    Raises:
        ContractError: it is no YAML, has an unknown key, does not list the features in their order, or has an empty
            range.
    """
    try:
        contract = msgspec.convert(yaml.safe_load(text), Contract)
    except yaml.YAMLError as error:
        raise ContractError(f"not readable as YAML: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise ContractError(str(error)) from error
    names = tuple(rule.name for rule in contract.features)
    if names != NAMES:
        raise ContractError(f"features: expected {', '.join(NAMES)} in this order, found {', '.join(names)}")
    for rule in contract.features:
        if not rule.low <= rule.high:
            raise ContractError(f"{rule.name}: low {rule.low:g} is above high {rule.high:g}")
    return contract


class ContractFile:
    """Tells the contract in a file when it has changed; a broken file leaves the one that was."""

    def __init__(self, path: Path, log: logging.Logger) -> None:
        self._path = path
        self._log = log
        self._text: str | None = None
        self.valid = True
        """Whether the file as it is now can be used."""

    def changed(self) -> Contract | None:
        """The contract, if the text of the file is another one than before and can be used."""
        try:
            text = self._path.read_text(encoding="utf-8")
            if text == self._text:
                return None
            contract = parse_contract(text)
        except (OSError, UnicodeDecodeError, ContractError) as error:
            if self.valid:
                self._log.error("%s: %s; the contract stays as it was", self._path.name, error)
            self.valid = False
            return None
        self._text, self.valid = text, True
        return contract


def contract_at(path: Path) -> Contract:
    """
    The contract to start with.

    Raises:
        StartError: the file is missing or is no contract.
    """
    try:
        return parse_contract(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ContractError) as error:
        raise StartError(f"{path}: {error}") from error
