"""`lab prove`: every play of scenarios on throw-away labs, against what their proofs say."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import psutil

from lab.cli.context import Context, add
from lab.cli.junit import junit_text
from lab.cli.output import FAILED, OK, VOID, Result
from lab.cli.progress import Progress
from lab.content.loader import LoadedScenario, find, load_library
from lab.errors import ContentError, SettingsError
from lab.keeper.proving.changed import changed_scenarios
from lab.keeper.proving.grounds import grounds
from lab.keeper.proving.pool import Ended, Pool
from lab.keeper.proving.proofs import Proof, Trial, trials_of
from lab.keeper.proving.prover import Prover
from lab.operate.lab import Lab
from lab.operate.tables import aligned
from lab.settings import CONTEXT_PREFIX

LABS_A_CORE = 2
"""Labs beside each other for each core: a stack takes a fifth of one, and far more for the seconds of its reset."""
LAB_MEGABYTES = 600
DEFAULT_SEED = 1


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add(group, "prove", prove, "play every play of scenarios on throw-away labs, as their authors and CI do")
    parser.add_argument("slugs", nargs="*", metavar="SLUG", help="scenarios; default: all")
    parser.add_argument("--play", action="append", default=[], metavar="NAME", help="this play alone; may be repeated")
    parser.add_argument("--jobs", type=int, default=None, metavar="N", help="labs beside each other; default: by cores")
    parser.add_argument("--changed", action="store_true", help="only scenarios that differ from where main was left")
    parser.add_argument("--seeds", default=str(DEFAULT_SEED), metavar="A,B", help="seeds to prove at; default: 1")
    parser.add_argument("--junit", default=None, metavar="FILE", help="write the results as JUnit XML too")


def prove(context: Context) -> Result:
    """Exit 0 when every proof passed, 1 when one failed, 5 when none failed and some stayed void."""
    args, lab = context.args, context.lab()
    trials = trials_of(_scenarios(context, lab), args.play, _seeds(args.seeds))
    if not trials:
        return _result((), "Nothing to prove: no scenario changed.")
    jobs = min(len(trials), _jobs(args.jobs, args.on or lab.around.settings.on, lab))
    progress = Progress(len(trials))
    proofs: list[Proof] = []
    progress.line(f"{len(trials)} proofs, {jobs} at a time.")
    around = lab.around
    with grounds(around.user, context.environ, context.home, args.on, progress.line) as ground, progress:
        starting, keep = Lock(), around.user.state / "proofs"
        provers = [Prover(ground, f"prove-{number}", starting, keep) for number in range(1, jobs + 1)]
        for happening in Pool(trials, provers, context.stop).happenings():
            progress.show(happening)
            if isinstance(happening, Ended):
                proofs.append(happening.proof)
    ordered = _in_order(trials, proofs)
    if args.junit is not None:
        _write(Path(args.junit), junit_text(ordered))
    return _result(ordered, "")


def _scenarios(context: Context, lab: Lab) -> Iterable[LoadedScenario]:
    """Those asked for; raises ContentError for every problem of those that cannot be read."""
    root, slugs = lab.around.scenarios_root, list(dict.fromkeys(context.args.slugs))
    if slugs:
        found = [find(root, slug) for slug in slugs]
    else:
        library = load_library(root)
        if library.broken:
            raise ContentError("Some scenarios cannot be read", library.problems)
        found = list(library.scenarios)
    if context.args.changed:
        changed = changed_scenarios(root, context.environ)
        found = [loaded for loaded in found if loaded.slug in changed]
    return found


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError as error:
        raise SettingsError("Not seeds", f"--seeds is {text!r}.", "Write whole numbers: --seeds 1,2,3.") from error


def _jobs(asked: int | None, on: str, lab: Lab) -> int:
    """How many labs beside each other: by cores and free memory; one where all share a namespace or a real cluster."""
    if asked is not None and asked < 1:
        raise SettingsError("Too few jobs", f"--jobs is {asked}.", "Write 1 or more.")
    if on.startswith(CONTEXT_PREFIX) and lab.around.settings.namespace is not None:
        return 1
    if asked is not None:
        return asked
    if on != "embedded":
        return 1
    room = int(psutil.virtual_memory().available // (LAB_MEGABYTES * 2**20))
    return max(1, min(LABS_A_CORE * (os.cpu_count() or 1), room))


def _in_order(trials: Sequence[Trial], proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    """The proofs as the scenarios list their plays, whichever came first."""
    places = {(one.loaded.slug, one.seed, one.name): index for index, one in enumerate(trials)}
    return tuple(sorted(proofs, key=lambda proof: places[proof.scenario, proof.seed, proof.play]))


def _result(proofs: Sequence[Proof], text: str) -> Result:
    counts = {name: sum(proof.outcome == name for proof in proofs) for name in ("passed", "failed", "void")}
    code = FAILED if counts["failed"] else VOID if counts["void"] else OK
    body = {"proofs": [_json(proof) for proof in proofs], **counts}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    return Result(text or f"{_table(proofs)}\n\n{said}", body, code)


def _json(proof: Proof) -> dict[str, Any]:
    return {
        "scenario": proof.scenario, "seed": proof.seed, "play": proof.play, "expected": proof.expected,
        "by": list(proof.by), "got": proof.got, "failed": list(proof.failed), "outcome": proof.outcome,
        "seconds": proof.seconds, "why": proof.why, "bundle": None if proof.bundle is None else str(proof.bundle),
    }  # fmt: skip


def _table(proofs: Sequence[Proof]) -> str:
    rows = [("", "SCENARIO", "PLAY", "SEED", "EXPECTED", "GOT", "SECONDS")]
    for proof in proofs:
        mark = {"passed": "✓", "failed": "✗", "void": "?"}[proof.outcome]
        expected = proof.expected + (f" by {', '.join(proof.by)}" if proof.by else "")
        got = proof.got + (f" by {', '.join(proof.failed)}" if proof.failed else "")
        rows.append((mark, proof.scenario, proof.play, str(proof.seed), expected, got, f"{proof.seconds:.0f}"))
    lines = [aligned(rows)]
    for proof in proofs:
        if proof.outcome != "passed":
            lines.append(f"\n{proof.scenario} {proof.play} (seed {proof.seed}): {proof.why}")
            if proof.bundle is not None:
                lines.append(f"  evidence: lab grade {proof.bundle}")
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            "Cannot write that", f"{path}: {error.strerror}.", "Name a file that can be written."
        ) from error
