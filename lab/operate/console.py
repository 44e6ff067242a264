"""One line of an operator, in the words of kubectl and git, to the verb it means."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.content.values import parse_duration
from lab.errors import SettingsError
from lab.operate import canary, costs, models, silencing, verbs
from lab.operate.lab import Lab
from lab.operate.verbs import Outcome


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of the console: its words, what may follow, and what it does."""

    words: tuple[str, ...]
    usage: str
    meaning: str
    changes: bool
    run: Callable[[Lab, Sequence[str]], Outcome]


def _get(lab: Lab, args: Sequence[str]) -> Outcome:
    words, _ = _split(args)
    _need(words, 1, 2, "get KIND [NAME]")
    kind, _, name = words[0].partition("/")
    return verbs.get(lab, kind, name or (words[1] if len(words) > 1 else None))


def _logs(lab: Lab, args: Sequence[str]) -> Outcome:
    words, options = _split(args)
    _need(words, 1, 1, "logs POD|deployment/NAME [--tail=N]")
    return verbs.logs(lab, words[0], _number(options.get("tail", "50"), "--tail"))


def _rollout(action: Callable[[Lab, str], Outcome]) -> Callable[[Lab, Sequence[str]], Outcome]:
    def run(lab: Lab, args: Sequence[str]) -> Outcome:
        words, _ = _split(args)
        return action(lab, _target(words))

    return run


def _undo(lab: Lab, args: Sequence[str]) -> Outcome:
    words, options = _split(args)
    revision = options.get("to-revision")
    return verbs.rollout_undo(lab, _target(words), None if revision is None else _number(revision, "--to-revision"))


def _scale(lab: Lab, args: Sequence[str]) -> Outcome:
    words, options = _split(args)
    if "replicas" not in options:
        raise _usage("scale deployment/NAME --replicas=N")
    return verbs.scale(lab, _target(words), _number(options["replicas"], "--replicas"))


def _set_env(lab: Lab, args: Sequence[str]) -> Outcome:
    target = [word for word in args if "=" not in word]
    pairs = dict(word.split("=", 1) for word in args if "=" in word)
    if not pairs:
        raise _usage("set env deployment/NAME KEY=VALUE")
    return verbs.set_env(lab, _target(target), pairs)


def _set_image(lab: Lab, args: Sequence[str]) -> Outcome:
    _need(args, 2, 2, "set image deployment/NAME CONTAINER=IMAGE|TAG")
    return verbs.set_image(lab, _target(args[:1]), args[1].rpartition("=")[2])


def _delete(lab: Lab, args: Sequence[str]) -> Outcome:
    words = [part for word in args for part in word.split("/")]
    if len(words) != 2 or words[0] not in ("pod", "pods", "po"):
        raise _usage("delete pod NAME")
    return verbs.delete_pod(lab, words[1])


def _apply(lab: Lab, args: Sequence[str]) -> Outcome:
    words = [word for word in args if word not in ("-f", "-R")]
    _need(words, 0, 1, "apply [PATH]")
    return verbs.apply_repo(lab, words[0] if words else ".")


def _git_show(lab: Lab, args: Sequence[str]) -> Outcome:
    _need(args, 1, 1, "git show COMMIT")
    return verbs.git_show(lab, args[0])


def _git_revert(lab: Lab, args: Sequence[str]) -> Outcome:
    words = [word for word in args if word != "--no-edit"]
    _need(words, 1, 1, "git revert COMMIT")
    return verbs.git_revert(lab, words[0])


def _canary_start(lab: Lab, args: Sequence[str]) -> Outcome:
    flag = "--auto-rollback"
    words, options = _split([word for word in args if word != flag])
    _need(words, 0, 0, "canary start [--tag=TAG] [--alias=NAME] [--weight=10] [--auto-rollback]")
    if unknown := sorted(options.keys() - {"tag", "alias", "weight"}):
        raise SettingsError("Unknown option", f"--{unknown[0]} is none.", f"It takes --tag, --alias, --weight, {flag}.")
    weight = _number(options.get("weight", "10"), "--weight")
    return canary.start(
        lab, tag=options.get("tag"), alias=options.get("alias"), weight=weight, auto_rollback=flag in args
    )


def _canary(action: Callable[[Lab], Outcome]) -> Callable[[Lab, Sequence[str]], Outcome]:
    def run(lab: Lab, args: Sequence[str]) -> Outcome:
        _need(args, 0, 0, "canary status|promote|stop")
        return action(lab)

    return run


def _query(lab: Lab, args: Sequence[str]) -> Outcome:
    if not args:
        raise _usage("query PROMQL")
    return verbs.query(lab, " ".join(args))


_SILENCE = "silence ALERT|MATCHER ... [--for=10m] [--comment=TEXT]"


def _silence(lab: Lab, args: Sequence[str]) -> Outcome:
    matchers, options = _split(args)
    if not matchers or options.keys() - {"for", "comment"}:
        raise _usage(_SILENCE)
    try:
        seconds = parse_duration(options.get("for", "10m"))
    except ValueError as error:
        raise SettingsError("Not a time", f"--for: {error}.", f"Usage: {_SILENCE}") from error
    return silencing.silence(lab, matchers, seconds, options.get("comment", ""))


def _unsilence(lab: Lab, args: Sequence[str]) -> Outcome:
    _need(args, 1, 1, "unsilence ID")
    return silencing.unsilence(lab, args[0])


def _registry_show(lab: Lab, args: Sequence[str]) -> Outcome:
    _need(args, 1, 1, "registry show VERSION|ALIAS")
    return models.registry_show(lab, args[0])


def _registry_compare(lab: Lab, args: Sequence[str]) -> Outcome:
    _need(args, 2, 2, "registry compare VERSION VERSION")
    return models.registry_compare(lab, args[0], args[1])


def _registry_alias(lab: Lab, args: Sequence[str]) -> Outcome:
    _need(args, 2, 2, "registry alias NAME VERSION")
    return models.registry_alias(lab, models.require_alias(args[0]), args[1])


def _cost(lab: Lab, args: Sequence[str]) -> Outcome:
    words, options = _split(args)
    unknown = sorted(options.keys() - {"csv", "from", "to"})
    if words or unknown or (options and not options.get("csv")):
        raise _usage("cost [--csv=FILE [--from=TIME] [--to=TIME]]")
    if not options:
        return costs.cost(lab)
    return costs.export(lab, Path(options["csv"]), options.get("from", ""), options.get("to", ""))


VERBS: tuple[Verb, ...] = (
    Verb(("get",), "get KIND [NAME]", "Objects of the cluster: pods, deployments, events ...", False, _get),
    Verb(("logs",), "logs POD|deployment/NAME [--tail=N]", "What a pod wrote", False, _logs),
    Verb(("query",), "query PROMQL", "Ask Prometheus", False, _query),
    Verb(("alerts",), "alerts", "Alerts that are pending or firing", False, lambda lab, _: verbs.alerts(lab)),
    Verb(("silences",), "silences", "What is silenced", False, lambda lab, _: silencing.silences(lab)),
    Verb(("cost",), "cost [--csv=FILE]", "What the stack costs, or its charges as a file", False, _cost),
    Verb(("git", "log"), "git log", "Commits of the platform repo", False, lambda lab, _: verbs.git_log(lab)),
    Verb(("git", "show"), "git show COMMIT", "A commit with its diff", False, _git_show),
    Verb(
        ("rollout", "status"), "rollout status deployment/NAME", "How far a roll-out is", False,
        _rollout(verbs.rollout_status),
    ),
    Verb(
        ("rollout", "history"), "rollout history deployment/NAME", "Revisions and their images", False,
        _rollout(verbs.rollout_history),
    ),
    Verb(
        ("rollout", "undo"), "rollout undo deployment/NAME [--to-revision=N]", "Back to an earlier revision", True,
        _undo,
    ),
    Verb(
        ("rollout", "restart"), "rollout restart deployment/NAME", "New pods of the same template", True,
        _rollout(verbs.rollout_restart),
    ),
    Verb(("scale",), "scale deployment/NAME --replicas=N", "More or fewer replicas", True, _scale),
    Verb(("set", "env"), "set env deployment/NAME KEY=VALUE", "Change the environment of a deployment", True, _set_env),
    Verb(("set", "image"), "set image deployment/NAME TAG", "Roll out another release", True, _set_image),
    Verb(("delete",), "delete pod NAME", "Delete a pod; another one takes its place", True, _delete),
    Verb(("silence",), _SILENCE, "Keep alerts quiet for a while; all matchers must hold", True, _silence),
    Verb(("unsilence",), "unsilence ID", "End a silence", True, _unsilence),
    Verb(
        ("registry", "list"), "registry list", "Model versions, their aliases and figures", False,
        lambda lab, _: models.registry_list(lab),
    ),
    Verb(("registry", "show"), "registry show VERSION|ALIAS", "Where a version comes from", False, _registry_show),
    Verb(
        ("registry", "compare"), "registry compare VERSION VERSION", "What differs between two versions", False,
        _registry_compare,
    ),
    Verb(
        ("registry", "ui"), "registry ui", "MLflow's own screens over a copy of the registry", False,
        lambda lab, _: models.registry_ui(lab),
    ),
    Verb(("registry", "alias"), "registry alias NAME VERSION", "Point an alias at a version", True, _registry_alias),
    Verb(("git", "revert"), "git revert COMMIT", "Commit the opposite of a commit", True, _git_revert),
    Verb(
        ("canary", "start"), "canary start [--tag=TAG] [--alias=NAME] [--weight=10] [--auto-rollback]",
        "Give a second track a share of the requests", True, _canary_start,
    ),
    Verb(("canary", "status"), "canary status", "How the canary does", False, _canary(canary.status)),
    Verb(("canary", "promote"), "canary promote", "Roll the canary's release out", True, _canary(canary.promote)),
    Verb(("canary", "stop"), "canary stop", "All requests back, and no canary", True, _canary(canary.stop)),
    Verb(("apply",), "apply [PATH]", "Apply the platform repo", True, _apply),
)  # fmt: skip
"""Every verb of the console, in the order in which help lists them."""


def run_line(lab: Lab, line: str) -> Outcome:
    """Do what one line says; raises SettingsError with the nearest verb for a line that means nothing."""
    head, _, promql = line.strip().partition(" ")
    if head == "query":
        return _query(lab, [promql.strip()] if promql.strip() else [])
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise SettingsError("Not a command", f"{line!r}: {error}.", "Close the quotation marks.") from error
    return run_words(lab, words)


def run_words(lab: Lab, words: Sequence[str]) -> Outcome:
    """`run_line` for words that a shell has split already."""
    while words and words[0] in ("kubectl", "k", "lab", "ops"):
        words = words[1:]
    if words and words[0] == "query":
        return _query(lab, words[1:])
    if not words or words[0] in ("help", "?"):
        return Outcome(help_text())
    verb = find_verb(words)
    if verb is None:
        names = [" ".join(verb.words) for verb in VERBS]
        near = difflib.get_close_matches(" ".join(words[:2]), names, n=1, cutoff=0.4)
        guess = f"Did you mean `{near[0]}`? " if near else ""
        raise SettingsError("Unknown verb", f"{' '.join(words[:2])!r} is not a verb here.", f"{guess}See `help`.")
    return verb.run(lab, words[len(verb.words) :])


def find_verb(words: Sequence[str]) -> Verb | None:
    """The verb that these words begin with."""
    return next((verb for verb in VERBS if tuple(words[: len(verb.words)]) == verb.words), None)


def help_text() -> str:
    """Usage and meaning of every verb."""
    width = max(len(verb.usage) for verb in VERBS)
    return "\n".join(f"{verb.usage.ljust(width)}   {verb.meaning}" for verb in VERBS)


def _split(args: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Plain words, and options as `--name=value` or `--name value`."""
    words: list[str] = []
    options: dict[str, str] = {}
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            options[name] = value if equals or not rest else rest.pop(0)
        elif word not in ("-f", "-o", "wide"):
            words.append(word)
    return words, options


def _target(words: Sequence[str]) -> str:
    """`deployment/NAME`, also when written as two words."""
    if not 1 <= len(words) <= 2:
        raise _usage("... deployment/NAME")
    return "/".join(words)


def _need(words: Sequence[str], least: int, most: int, usage: str) -> None:
    if not least <= len(words) <= most:
        raise _usage(usage)


def _number(text: str, option: str) -> int:
    if not text.isdigit():
        raise SettingsError("Not a number", f"{option} is {text!r}.", f"Write it like {option}=2.")
    return int(text)


def _usage(usage: str) -> SettingsError:
    return SettingsError("Incomplete command", "something is missing or too much.", f"Usage: {usage}")
