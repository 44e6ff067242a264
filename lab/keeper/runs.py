"""Runs of a lab: starting one, finding the one that goes on, listing those that are over."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from lab.content.loader import LoadedScenario, find, parse_scenario
from lab.content.model import Scenario
from lab.errors import LabError, RunError
from lab.incident.events import Mode, PhaseEntered, RunStarted
from lab.incident.state import fold
from lab.keeper.client import KeeperClient
from lab.keeper.files import OPEN_PHASES, RunFiles, all_runs, new_run
from lab.keeper.plan import choose
from lab.keeper.process import stop
from lab.keeper.public import view_of
from lab.keeper.view import RunView
from lab.operate.lab import Lab


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How a run is to begin."""

    seed: int | None = None
    mode: Mode = "graded"
    strike_seconds: float | None = None
    """Given by demo and prove; None lets the seed draw it."""


def start_run(lab: Lab, loaded: LoadedScenario, options: StartOptions) -> KeeperClient:
    """Begin a run of a scenario; raises RunError while another one goes on."""
    refuse_while_going(lab)
    seed = random.SystemRandom().randrange(1, 1_000_000) if options.seed is None else options.seed
    strike, tag = choose(loaded.slug, seed, loaded.scenario, options.strike_seconds)
    now = lab.around.now()
    files = new_run(lab.around.places.runs, now)
    files.journal.append(
        RunStarted(
            at=now,
            run_id=files.run_id,
            scenario=loaded.slug,
            content_hash=loaded.content_hash,
            seed=seed,
            mode=options.mode,
            strike_seconds=strike,
            tag=tag,
        )
    )
    files.journal.append(PhaseEntered(at=now, phase="preparing"))
    client = client_of(lab, files)
    client.ensure()
    return client


def refuse_while_going(lab: Lab) -> None:
    """Raise RunError while a run is not over."""
    going = current_run(lab)
    if going is not None:
        raise RunError(
            "A run is going on", f"{going.run_id} is not over.", "Finish it, or end it with `lab incident abort`."
        )


def current_run(lab: Lab) -> RunFiles | None:
    """The run that is not over yet."""
    newest = next(all_runs(lab.around.places.runs), None)
    if newest is None or stored_view(lab, newest).phase not in OPEN_PHASES:
        return None
    return newest


def require_run(lab: Lab) -> KeeperClient:
    """A client of the run that goes on; raises RunError when there is none."""
    files = current_run(lab)
    if files is None:
        raise RunError("No run is going on", "there is nothing to act on.", "Start one with `lab incident start SLUG`.")
    return client_of(lab, files)


def client_of(lab: Lab, files: RunFiles) -> KeeperClient:
    """A client of one run of this lab."""
    return KeeperClient(files, lab.around.places.directory, lab.around.environ)


def stored_view(lab: Lab, files: RunFiles) -> RunView:
    """The public view of a run from its files alone, whether a keeper lives or not."""
    events = list(files.journal.read())
    first = events[0] if events else None
    if not isinstance(first, RunStarted):
        raise LabError("Broken run", f"{files.folder} has no readable journal.", "Delete that folder.")
    return view_of(files, events, first.scenario, _scenario(lab, files, first.scenario), lab.around.now())


def views(lab: Lab) -> Iterator[RunView]:
    """Every run of this lab, newest first; a run that cannot be read is left out."""
    for files in all_runs(lab.around.places.runs):
        try:
            yield stored_view(lab, files)
        except LabError:
            continue


def end_run(lab: Lab, reason: str) -> None:
    """End the run that goes on, if any, whether its keeper lives or not."""
    files = current_run(lab)
    if files is None:
        return
    stop(files)
    events = list(files.journal.read())
    if fold(events, _scenario(lab, files, stored_view(lab, files).scenario)).phase in OPEN_PHASES:
        files.journal.append(PhaseEntered(at=lab.around.now(), phase="aborted", reason=reason))


def stop_keepers(lab: Lab) -> None:
    """End every keeper of this lab."""
    for files in all_runs(lab.around.places.runs):
        stop(files)


def _scenario(lab: Lab, files: RunFiles, slug: str) -> Scenario:
    constants = files.constants()
    if constants is not None:
        return parse_scenario(constants.scenario_yaml, f"{slug}/scenario.yaml")
    return find(lab.around.scenarios_root, slug).scenario
