"""`lab doctor`: what this machine has and lacks, for each engine that a lab can run on."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import psutil

from lab.cli.context import Context, add
from lab.cli.output import MISSING, OK, Result
from lab.cluster.programs import Programs, find_alertmanager, find_prometheus
from lab.cluster.provision import Finding
from lab.operate.lab import Lab, Surroundings
from lab.operate.opening import Survey, survey

_FREE_DISK_MB = 500
_FREE_MEMORY_MB = 800


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    add(group, "doctor", doctor, "what this machine has and lacks")


def doctor(context: Context) -> Result:
    """Look at the machine, the engine in use and the others; starts nothing. The exit code speaks of the one in use."""
    args = context.args
    found = survey(context.environ, context.home, context.cwd, args.lab, args.on)
    lab = found.lab
    machine = _machine(lab.around)
    used = lab.provisioner.preflight()
    others = [(engine.choice.on, engine.provisioner.preflight()) for engine in found.others]
    lines = [*_lines("this machine", machine), *_lines(f"{lab.provisioner.engine} ({_standing(found)})", used)]
    for on, findings in others:
        lines += _lines(f"{on} (lab up --on {on})", findings)
    lines += _contexts(found, lab)
    body: dict[str, Any] = {
        "on": lab.provisioner.engine,
        "checks": _json((*machine, *used)),
        "others": [
            {"on": on, "ok": all(one.ok for one in findings), "checks": _json(findings)} for on, findings in others
        ],
        "contexts": list(found.contexts),
    }
    return Result("\n".join(lines), body, OK if all(one.ok for one in (*machine, *used)) else MISSING)


def _machine(around: Surroundings) -> tuple[Finding, ...]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    path = around.environ.get("PATH", "")
    git = shutil.which("git", path=path)
    cache, settings = around.user.cache, around.settings
    programs = {
        "prometheus": find_prometheus(cache, path=path, configured=settings.prometheus),
        "alertmanager": find_alertmanager(cache, path=path, configured=settings.alertmanager),
    }
    folder = next(parent for parent in (around.user.data, *around.user.data.parents) if parent.is_dir())
    disk = shutil.disk_usage(folder).free // 2**20
    memory = psutil.virtual_memory().available // 2**20
    kubectl = shutil.which("kubectl", path=path)
    return (
        Finding("python", sys.version_info >= (3, 11), python, "Install Python 3.11 or newer."),
        Finding("git", git is not None, git or "not found", "Install git."),
        *(_program(name, program) for name, program in programs.items()),
        Finding(
            "disk", disk >= _FREE_DISK_MB, f"{disk} MB free", f"Free {_FREE_DISK_MB} MB, or set LAB_HOME elsewhere."
        ),
        Finding(
            "memory",
            memory >= _FREE_MEMORY_MB,
            f"{memory} MB free",
            f"Close programs until {_FREE_MEMORY_MB} MB are free.",
        ),
        Finding("kubectl", True, kubectl or "not found (optional: `lab ops` has the same verbs)", ""),
    )


def _program(name: str, found: Programs | None) -> Finding:
    said = f"{found.version} from {found.source}" if found else "will be fetched by the first `lab up`"
    return Finding(name, True, said, "")


def _standing(found: Survey) -> str:
    return "this lab is on it" if found.remembered else "what `lab up` would use"


def _contexts(found: Survey, lab: Lab) -> list[str]:
    looked_at = lab.provisioner.engine.removeprefix("context:")
    names = [name for name in found.contexts if name != looked_at]
    if not names:
        return []
    return [
        f"contexts of your kubeconfig: {', '.join(names)}",
        f"    → look at one: lab doctor --on context:{names[0]}",
    ]


def _lines(title: str, findings: Sequence[Finding]) -> list[str]:
    lines = [title]
    for one in findings:
        head, *rest = one.found.split("\n")
        lines += [f"  {'✓' if one.ok else '✗'} {one.name}: {head}", *(f"      {line}" for line in rest)]
        if not one.ok:
            first, *more = one.next_step.split("\n")
            lines += [f"      → {first}", *(f"        {line}" for line in more)]
    return lines


def _json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [{"name": one.name, "ok": one.ok, "found": one.found, "next_step": one.next_step} for one in findings]
