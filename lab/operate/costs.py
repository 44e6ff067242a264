"""What the stack costs: billing's figures, and its charges as a file."""

from __future__ import annotations

from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

from pydantic import BaseModel, ConfigDict, ValidationError

from lab.errors import LabError, SettingsError
from lab.operate import tables
from lab.operate.lab import Lab
from lab.operate.verbs import Outcome

_NO_PROXY = ProxyHandler({})
_TIMEOUT_SECONDS = 5.0


class CostError(LabError):
    """Billing did not answer, or its answer could not be kept."""


class _Component(BaseModel):
    """What one component books now and was charged so far."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    component: str
    pods: int
    hourly: float
    total: float


class _Costs(BaseModel):
    """`GET /costs` of billing."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    currency: str
    hourly: float
    total: float
    budget_hourly: float
    components: tuple[_Component, ...]


def cost(lab: Lab) -> Outcome:
    """What an hour costs now and what was charged so far, by component, and how that compares with the budget."""
    try:
        found = _Costs.model_validate_json(_ask(lab, "/costs"))
    except ValidationError as error:
        raise _silent(f"its answer was not understood: {error.error_count()} fields are wrong") from error
    rows = [("COMPONENT", "PODS", f"{found.currency}/HOUR", f"{found.currency} SO FAR")]
    for part in sorted(found.components, key=lambda part: -part.hourly):
        rows.append((part.component, str(part.pods), f"{part.hourly:.4f}", f"{part.total:.6f}"))
    rows.append(("all", str(sum(part.pods for part in found.components)), f"{found.hourly:.4f}", f"{found.total:.6f}"))
    return Outcome("\n".join([tables.aligned(rows), "", _budget(found), _for_answers(lab, found.currency)]))


def export(lab: Lab, file: Path, start: str = "", end: str = "") -> Outcome:
    """
    Write the charges between two times, as FOCUS has them, to a CSV file; all of them without times.

    Raises:
        CostError: billing does not answer, or the file cannot be written. SettingsError: a time is none.
    """
    query = {name: value for name, value in (("from", start), ("to", end)) if value}
    body = _ask(lab, "/focus.csv" + (f"?{urlencode(query)}" if query else ""))
    try:
        file.write_bytes(body)
    except OSError as error:
        why = error.strerror or str(error)
        raise CostError(
            "Nothing was written", f"{file}: {why}.", "Name a file in a folder that you may write."
        ) from error
    return Outcome(f"{len(body.splitlines()) - 1} charges written to {file}")


def _budget(found: _Costs) -> str:
    if found.budget_hourly <= 0:
        return "There is no budget."
    return f"{found.hourly / found.budget_hourly:.0%} of the budget of {found.budget_hourly:.4f} an hour"


def _for_answers(lab: Lab, currency: str) -> str:
    try:
        price = lab.prometheus.value("job:cost_per_1000_predictions")
    except LabError:
        price = None
    return "No predictions to divide it by." if price is None else f"{price:.6f} {currency} for 1000 predictions"


def _ask(lab: Lab, path: str) -> bytes:
    try:
        with build_opener(_NO_PROXY).open(
            lab.provisioner.service_url("billing") + path, timeout=_TIMEOUT_SECONDS
        ) as got:
            body: bytes = got.read()
            return body
    except HTTPError as error:
        error.close()
        if error.code == 400:
            step = "Write times like 2026-01-05T10:00:00Z."
            raise SettingsError("Not a time", "--from or --to is no time.", step) from error
        raise _silent(f"HTTP {error.code}") from error
    except (URLError, OSError) as error:
        raise _silent(str(error)) from error


def _silent(why: str) -> CostError:
    return CostError("Billing does not answer", f"{why}.", "See `get pods`, then `logs deployment/billing`.")
