"""`lab up | down | status | reset | shell | scenarios`."""

from __future__ import annotations

import argparse
import subprocess
from typing import Any

from lab.cli.context import Context, add
from lab.cli.costs import cost_table
from lab.cli.output import FAILED, OK, Result
from lab.content.loader import load_library
from lab.errors import LabError, RunError
from lab.keeper.files import OPEN_PHASES
from lab.keeper.runs import current_run, end_run, stop_keepers, stored_view, views
from lab.operate.lab import Lab, require_up
from lab.operate.options import OPTIONS, require_options


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    parser = add(group, "up", up, "start the stack")
    parser.add_argument(
        "--with",
        dest="options",
        metavar="OPTION",
        action="append",
        default=[],
        help=f"also bring up, on a real cluster: {', '.join(OPTIONS)}",
    )
    parser = add(group, "down", down, "stop everything of this lab")
    parser.add_argument(
        "--forget", action="store_true", help="also when its cluster is gone for good and cannot answer"
    )
    add(group, "status", status, "what runs, where, and which run goes on")
    add(group, "reset", reset, "put the stack back to its baseline; ends a run that goes on")
    add(group, "shell", shell, "a shell with KUBECONFIG and the lab's addresses set")
    add(group, "scenarios", scenarios, "the incidents there are, by symptom")


def up(context: Context) -> Result:
    """Start the stack."""
    lab = context.lab()
    options = tuple(dict.fromkeys(context.args.options))
    require_options(lab.provisioner.engine, options)
    if options and current_run(lab) is not None:
        raise RunError("A run is going on", "what is added now would count as a change.", "Finish or abort it first.")
    if lab.never_started and not context.voice.as_json:
        context.voice.say(cost_table(lab.provisioner.engine))
    lab.up(context.voice.say, context.stop)
    if options:
        lab.add_options(options, context.voice.say, context.stop)
    return status(context)


def down(context: Context) -> Result:
    """Stop everything of this lab, the run included."""
    lab = context.lab()
    end_run(lab, "the lab was stopped")
    stop_keepers(lab)
    lab.down(forget=context.args.forget)
    return Result(
        "Everything of this lab is stopped.", {"on": lab.provisioner.engine, "pids": list(lab.provisioner.pids())}
    )


def reset(context: Context) -> Result:
    """Back to the baseline without a run."""
    lab = context.lab()
    end_run(lab, "the stack was reset")
    stop_keepers(lab)
    lab.reset(context.voice.say, context.stop)
    return status(context)


def status(context: Context) -> Result:
    """The truth about this lab, also after a crash."""
    lab = context.lab()
    up_now = lab.is_up()
    ready = up_now and lab.is_ready()
    urls = lab.urls()
    run = _run_json(lab)
    body: dict[str, Any] = {
        "on": lab.provisioner.engine,
        "up": up_now,
        "ready": ready,
        "kubeconfig": str(lab.cluster.kubeconfig),
        "namespace": lab.cluster.namespace,
        "platform_repo": str(lab.repo.folder),
        "urls": urls,
        "run": run,
        "pids": list(lab.provisioner.pids()),
    }
    state = "ready" if ready else "up, not ready" if up_now else "down"
    lines = [f"stack: {state} (on {lab.provisioner.engine})"]
    if up_now:
        lines += [f"  {name:<13} {url}" for name, url in urls.items()]
        lines += [f"  kubeconfig    {lab.cluster.kubeconfig}", f"  platform repo {lab.repo.folder}"]
    lines.append("run: none" if run is None else f"run: {run['id']} “{run['title']}”, {run['phase']} ({run['mode']})")
    return Result("\n".join(lines), body)


def _run_json(lab: Lab) -> dict[str, Any] | None:
    files = current_run(lab)
    if files is None:
        return None
    view = stored_view(lab, files)
    return {"id": view.run_id, "title": view.title, "phase": view.phase, "mode": view.mode, "started": view.started}


def shell(context: Context) -> Result:
    """The user's shell, with everything set that kubectl and curl need."""
    lab = context.lab()
    require_up(lab)
    extra = {
        "KUBECONFIG": str(lab.cluster.kubeconfig),
        "KUBECACHEDIR": str(lab.around.places.directory / "kubecache"),
        "NO_PROXY": ",".join(filter(None, [context.environ.get("NO_PROXY", ""), "127.0.0.0/8", "localhost"])),
        "LAB_NAME": lab.around.places.name,
        "PLATFORM_REPO": str(lab.repo.folder),
    }
    extra |= {f"{name.upper().replace('-', '_')}_URL": url for name, url in lab.urls().items()}
    program = context.environ.get("SHELL") or "/bin/sh"
    context.voice.say(f"A shell in the platform repo; kubectl speaks to this lab. Leave it with exit. ({program})")
    done = subprocess.run([program], env={**context.environ, **extra}, cwd=lab.repo.folder, check=False)
    return Result("", {"exit": done.returncode}, OK if done.returncode == 0 else FAILED)


def scenarios(context: Context) -> Result:
    """Incidents by symptom; the family shows once one was solved."""
    lab = context.lab()
    library = load_library(lab.around.scenarios_root)
    best: dict[str, float] = {}
    solved: set[str] = set()
    for view in views(lab):
        if view.phase not in OPEN_PHASES and view.report is not None:
            score = (view.report.operated + view.report.explained) / 2
            best[view.scenario] = max(best.get(view.scenario, 0.0), score)
            if view.report.verdict == "pass":
                solved.add(view.scenario)
    rows = []
    for one in library.scenarios:
        row: dict[str, Any] = {
            "slug": one.slug, "title": one.scenario.title, "level": one.scenario.level, "minutes": one.scenario.minutes,
            "best": best.get(one.slug),
        }  # fmt: skip
        if one.slug in solved:
            row["family"] = one.scenario.family
        rows.append(row)
    if not rows:
        raise LabError("No scenarios", "none could be read.", "Run `lab check`.")
    lines = [
        f"{row['slug']:<24} level {row['level']}  {row['minutes']:>3} min  {row['title']}"
        + (f"  (best {row['best']:.0f})" if row["best"] is not None else "")
        for row in rows
    ]
    return Result("\n".join(lines), {"scenarios": rows})
