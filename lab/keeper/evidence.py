"""The evidence bundle of a run that is being handed in."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from lab.errors import RunVoid
from lab.incident.record import Bundle, Versions
from lab.keeper.loop import Keeper


def lab_version() -> str:
    """Version of the installed product."""
    try:
        return version("mlops-lab")
    except PackageNotFoundError:
        return "0"


def bundle_of(keeper: Keeper, note: str | None) -> Bundle:
    """Everything that grading needs; raises RunVoid when the gate's constants were lost."""
    constants, started = keeper.constants, keeper.state.started
    if constants is None or started is None:
        raise RunVoid("The record is incomplete", "the figures of the gate are missing.", "Start the incident again.")
    return Bundle(
        run_id=keeper.files.run_id,
        scenario=keeper.loaded.slug,
        scenario_yaml=constants.scenario_yaml,
        content_hash=keeper.loaded.content_hash,
        seed=started.seed,
        versions=Versions(lab=lab_version(), engine=constants.engine, prometheus=constants.prometheus_version),
        events=list(keeper.events),
        samples=keeper.samples,
        note=note,
        baseline_tags=constants.baseline_tags,
    )
