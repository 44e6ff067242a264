"""Checks scoring requests against the contract about features before they are routed: pass, flag or block."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from operator import le

import msgspec

from stack.common.features import NAMES, ORIGINS
from stack.gate.contract import Contract, Kind, Value
from stack.gate.rows import Row, pack, read_rows
from stack.gateway.metrics import GatewayMetrics
from stack.wire.server import Request, Response, error_response

_ORIGIN = NAMES.index("origin_c")
_LENGTH_HEADER = "inference-header-content-length"
MOST_TOLD = 20
"""Violations of one request that are told; all are counted."""


class Mode(StrEnum):
    """What becomes of a request that breaks the contract."""

    PASS = "pass"  # noqa: S105 - a mode, no password
    """It is counted."""
    FLAG = "flag"
    """It is counted, and its answer says so."""
    BLOCK = "block"
    """It is counted, and answered with 422."""


class Violation(msgspec.Struct, frozen=True, gc=False):
    """One value that breaks the contract."""

    row: int
    feature: str
    kind: Kind
    text: str


class Inspected(msgspec.Struct, frozen=True):
    """What was found in one request."""

    features: Sequence[bytes] = ()
    """Each row as twelve FP32 values; empty where a row could not be packed."""
    violations: Sequence[Violation] = ()


NOTHING = Inspected()


class QualityGate:
    """The contract in force and the mode; without a contract nothing is checked, and rows are still read."""

    def __init__(self, contract: Contract | None, mode: Mode, metrics: GatewayMetrics) -> None:
        self._mode = mode
        self._metrics = metrics
        self.contract = contract

    @property
    def contract(self) -> Contract | None:
        """The contract that requests are checked against from now on."""
        return self._contract

    @contract.setter
    def contract(self, contract: Contract | None) -> None:
        self._contract = contract
        rules = contract.features if contract is not None else ()
        self._rules = rules
        self._lows = tuple(rule.low for rule in rules)
        self._highs = tuple(rule.high for rule in rules)
        self._whole = tuple(place for place, rule in enumerate(rules) if rule.type == "whole")

    def inspect(self, request: Request) -> Inspected:
        """Read and check the rows of a request; whatever breaks the contract is counted."""
        rows = read_rows(request.body, request.headers.get(_LENGTH_HEADER))
        if not rows:
            return NOTHING
        violations: list[Violation] = []
        if self._rules:
            for number, row in enumerate(rows):
                if not self._right(row):
                    violations.extend(self._violations(number, row))
            self._metrics.checked(len(rows))
        return Inspected([pack(row) for row in rows], violations)

    def refusal(self, inspected: Inspected) -> Response | None:
        """The answer to a request that is not let through; None where it is."""
        if self._mode is not Mode.BLOCK or not inspected.violations:
            return None
        told = "; ".join(f"row {one.row}: {one.text}" for one in inspected.violations[:MOST_TOLD])
        return error_response(422, told)

    def marked(self, response: Response, inspected: Inspected) -> Response:
        """The answer with what breaks the contract in `parameters.flags`, as `feature:kind` joined by commas."""
        if self._mode is not Mode.FLAG or not inspected.violations or response.status != 200:
            return response
        flags = ",".join(dict.fromkeys(f"{one.feature}:{one.kind}" for one in inspected.violations))
        return _with_flags(response, flags)

    def _right(self, row: Row) -> bool:
        """Whether a row without gaps keeps the contract; False also for one that has to be looked at value by value."""
        try:
            within = all(map(le, self._lows, row)) and all(map(le, row, self._highs))  # type: ignore[arg-type]
            return within and not any(row[place] % 1 for place in self._whole)  # type: ignore[operator]
        except TypeError:
            return False

    def _violations(self, number: int, row: Row) -> list[Violation]:
        found = []
        for rule, value in zip(self._rules, row, strict=True):
            kind = rule.wrong(value)
            if kind is not None:
                self._metrics.violated(rule.name, kind)
                found.append(Violation(number, rule.name, kind, rule.told(kind, value)))
        if found:
            self._metrics.violating_row(_origin(row[_ORIGIN]))
        return found


def _origin(value: Value) -> str:
    """The airport of a row, for a label with few values."""
    known = isinstance(value, float) and 0 <= value < len(ORIGINS) and value == int(value)
    return ORIGINS[int(value)] if known and isinstance(value, float) else "other"


def _with_flags(response: Response, flags: str) -> Response:
    """The answer with one more parameter, also where binary values follow its JSON; as it is where it is no JSON."""
    headers = dict(response.headers)
    length = int(headers.get(_LENGTH_HEADER, len(response.body)))
    try:
        document = msgspec.json.decode(response.body[:length], type=dict[str, object])
        parameters = msgspec.convert(document.get("parameters") or {}, dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return response
    text = msgspec.json.encode(document | {"parameters": parameters | {"flags": flags}})
    if _LENGTH_HEADER in headers:
        headers[_LENGTH_HEADER] = str(len(text))
    return Response(response.status, text + response.body[length:], response.content_type, tuple(headers.items()))
