"""`lab ops VERB ...`: the operator's verbs, as in the console."""

from __future__ import annotations

import argparse

from lab.cli.context import Context, add
from lab.cli.foreground import run_until_interrupted
from lab.cli.output import Result
from lab.cluster.embedded.ports import free_port
from lab.errors import MissingError
from lab.keeper.runs import client_of, current_run
from lab.operate.console import find_verb, help_text, run_words
from lab.operate.lab import Lab, require_up
from lab.operate.models import INSTALL, registry_screens
from lab.operate.verbs import pods_of


def register(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add(
        group, "ops", ops, "the operator's verbs: get, logs, rollout undo, scale, set env, git revert, query ..."
    )
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="VERB ...", help="`lab ops help` lists them")


def ops(context: Context) -> Result:
    """Run one verb on this lab's stack."""
    words = [word for word in context.args.words if word != "--json"]
    as_json = len(words) != len(context.args.words) or context.args.json
    if not words or words[0] == "help":
        return Result(help_text(), {"help": help_text()})
    lab = context.lab()
    require_up(lab)
    if words[0] == "logs" and "-f" in words:
        target = next(word for word in words[1:] if not word.startswith("-"))
        for line in lab.cluster.follow(pods_of(lab, target)[0]):
            context.voice.say(line)
        return Result("", {"verb": "logs"})
    if words[:2] == ["registry", "ui"]:
        return _screens(context, lab)
    outcome = run_words(lab, words)
    if words[0] == "query":
        files = current_run(lab)
        if files is not None:
            client_of(lab, files).tell_query(" ".join(words[1:]))
    verb = find_verb(words)
    name = " ".join(verb.words) if verb else words[0]
    body = {"verb": name, "text": outcome.text, "changed": outcome.changed}
    if as_json and not context.args.json:
        import json

        return Result(json.dumps(body, ensure_ascii=False), body)
    return Result(outcome.text, body)


def _screens(context: Context, lab: Lab) -> Result:
    """Show MLflow's own screens over a copy of the registry, until interrupted."""
    screens = registry_screens(lab)
    port = free_port("127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    context.voice.say(f"MLflow's screens over a copy of the registry: {url} (interrupt to stop)")
    log = screens.folder / "mlflow.log"
    if code := run_until_interrupted(screens.argv(port), context.environ, log):
        raise MissingError("MLflow's screens did not start", f"`mlflow ui` ended with {code}; see {log}.", INSTALL)
    return Result("", {"verb": "registry ui", "url": url, "folder": str(screens.folder)})
