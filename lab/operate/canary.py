"""A second track of the model server: started, looked at, promoted and stopped by commits to the platform repo."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from lab.cluster.apply import apply
from lab.cluster.client import Object
from lab.errors import ClusterError, NotFound, SettingsError
from lab.operate import models, tables
from lab.operate.lab import Lab
from lab.operate.platform import PlatformError
from lab.operate.verbs import Outcome

TRACK = "model-server-canary"
STABLE = "model-server"
SERVED = "champion"
"""The model alias that everybody is served by."""
_MANIFEST = Path("manifests") / "21-model-server-canary.yaml"
_OPTION = Path("options") / _MANIFEST.name
_ROUTES = Path("gateway") / "routes.yaml"
_ALIAS = "MODEL_ALIAS"
_WORD = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_NO_PROXY = ProxyHandler({})
_TIMEOUT_SECONDS = 5.0


class _Side(BaseModel):
    """What one side of the comparison did, as the gateway counts it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    requests: int
    errors: int
    slow: int
    labelled: int
    brier: float | None


class _Reverted(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    metric: str


class _Route(BaseModel):
    """One route as the gateway has it in force."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    service: str
    weight: float
    effective_weight: float
    replicas: int
    reverted: dict[str, _Reverted] = {}
    evidence: dict[str, float] | None = None
    compared: dict[str, _Side] | None = None


class _Status(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    routes: tuple[_Route, ...]
    assignment: str
    rollback: bool


def start(lab: Lab, *, tag: str | None, alias: str | None, weight: int, auto_rollback: bool) -> Outcome:
    """
    Give `weight` of 100 requests to a canary: another release, another model alias, or both; again to change it.

    Raises:
        SettingsError: neither tag nor alias was said, one is no name, or the weight is no percentage below 100.
    """
    if tag is None and alias is None:
        raise SettingsError(
            "Nothing to try", "a canary differs in its release or its model.", "Say --tag=TAG, --alias=NAME or both."
        )
    for option, word in (("--tag", tag), ("--alias", alias)):
        if word is not None and not _WORD.fullmatch(word):
            raise SettingsError(
                "Not a name", f"{option} is {word!r}.", f"Letters, digits, `.`, `-` and `_`, like {option}=2.3.4."
            )
    if not 1 <= weight <= 99:
        raise SettingsError("Not a weight", f"{weight} of 100 requests.", "Say --weight=1 to --weight=99.")
    manifest = _manifest(lab, tag or lab.repo.tag(STABLE), alias)
    routes = _routes_text(lab, weight, auto_rollback=auto_rollback)
    what = ", ".join(filter(None, (f"release {tag}" if tag else "", f"alias {alias}" if alias else "")))
    message = f"Send {weight} % of requests to a canary of {STABLE}: {what}"
    commit = _commit(lab, {_MANIFEST: manifest, _ROUTES: routes}, message)
    lines = _apply(lab, str(_MANIFEST), str(_ROUTES.parent))
    return Outcome("\n".join([*commit, *lines, "look with: canary status"]), changed=True)


def stop(lab: Lab) -> Outcome:
    """Send every request to the stable track again and delete the canary."""
    if not _exists(lab):
        raise NotFound("No canary", f"there is no {TRACK} in the platform repo or the cluster.", "See `canary start`.")
    files: dict[Path, str | None] = {_MANIFEST: None, _ROUTES: _routes_text(lab, 0, auto_rollback=False)}
    commit = _commit(lab, files, f"Stop the canary of {STABLE}")
    return Outcome("\n".join([*commit, *_apply(lab, str(_ROUTES.parent)), *_delete(lab)]), changed=True)


def promote(lab: Lab) -> Outcome:
    """
    Give everybody what the canary tries, and stop the canary: its release by a roll-out, its model by the alias.

    Raises:
        NotFound: there is no canary, or the registry does not know the alias that it serves.
    """
    if not (lab.repo.folder / _MANIFEST).is_file():
        raise NotFound("No canary", "there is none in the platform repo.", "Begin with `canary start --tag=TAG`.")
    moved = _promote_model(lab, _alias_of(lab))
    tag = lab.repo.tag(TRACK)
    stable = lab.repo.manifest_of(STABLE)
    lab.repo.set_tag(STABLE, tag)
    files: dict[Path, str | None] = {
        _MANIFEST: None,
        _ROUTES: _routes_text(lab, 0, auto_rollback=False),
        stable.relative_to(lab.repo.folder): stable.read_text(),
    }
    commit = _commit(lab, files, f"Promote release {tag} of {STABLE}")
    lines = _apply(lab, str(stable.relative_to(lab.repo.folder)), str(_ROUTES.parent))
    return Outcome("\n".join([*moved, *commit, *lines, *_delete(lab)]), changed=True)


def _promote_model(lab: Lab, alias: str | None) -> list[str]:
    """Point the alias that everybody is served by at the canary's version."""
    if alias is None or alias == SERVED:
        return []
    aliases = lab.registry.state().aliases
    if alias not in aliases:
        known = ", ".join(sorted(aliases))
        raise NotFound("No such alias", f"the registry has no alias {alias}.", f"It has: {known}. See `registry list`.")
    return [models.registry_alias(lab, SERVED, aliases[alias]).text]


def status(lab: Lab) -> Outcome:
    """What the gateway does with the canary now, and how it does beside the stable track."""
    found = _ask(lab)
    head = ("TRACK", "WEIGHT", "IN FORCE", "REPLICAS", "STATE")
    rows = [head]
    for route in found.routes:
        reverted = ", ".join(sorted({why.metric for why in route.reverted.values()}))
        state = f"reverted: worse in {reverted}" if reverted else "takes requests" if route.replicas else "not ready"
        rows.append((route.service, f"{route.weight:g}", f"{route.effective_weight:g}", str(route.replicas), state))
    lines = [
        tables.aligned(rows),
        f"assignment {found.assignment}, automatic rollback {'on' if found.rollback else 'off'}",
    ]
    for route in found.routes:
        if route.compared is not None:
            lines += ["", _comparison(route.compared)]
        if route.evidence is not None:
            shares = ", ".join(f"{metric} {share:.0%}" for metric, share in route.evidence.items())
            lines.append(f"evidence against it (100 % reverts): {shares}")
    return Outcome("\n".join(lines))


def _comparison(compared: dict[str, _Side]) -> str:
    rows = [("SIDE", "REQUESTS", "ERRORS", "SLOW", "LABELLED", "BRIER")]
    for name, side in compared.items():
        brier = "-" if side.brier is None else f"{side.brier:.4f}"
        rows.append((name, str(side.requests), str(side.errors), str(side.slow), str(side.labelled), brier))
    return tables.aligned(rows)


def _ask(lab: Lab) -> _Status:
    url = f"{lab.provisioner.service_url('gateway')}/routes"
    try:
        with build_opener(_NO_PROXY).open(url, timeout=_TIMEOUT_SECONDS) as answer:
            return _Status.model_validate_json(answer.read())
    except (URLError, OSError, ValidationError) as error:
        raise ClusterError(
            "The gateway does not tell", f"{url}: {error}", "Look with `logs deployment/gateway`."
        ) from error


def _manifest(lab: Lab, tag: str, alias: str | None) -> str:
    """The canary's manifest with that release and alias."""
    option = lab.repo.folder / _OPTION
    if not option.is_file():
        raise PlatformError("No canary manifest", f"{_OPTION} is not in the platform repo.", "`lab reset` restores it.")
    text = re.sub(rf"(mlops-lab/{STABLE}:)\S+", rf"\g<1>{tag}", option.read_text())
    if alias is None:
        return text
    said, count = re.subn(rf"(- name: {_ALIAS}\n\s+value: ).*", lambda found: found[1] + json.dumps(alias), text)
    if count:
        return said

    def before(found: re.Match[str]) -> str:
        return f"{found[1]}- name: {_ALIAS}\n{found[1]}  value: {json.dumps(alias)}\n{found[0]}"

    return re.sub(r"(?m)^( +)- name: OMP_NUM_THREADS$", before, text)


def _routes_text(lab: Lab, weight: int, *, auto_rollback: bool) -> str:
    """The routes file with the canary at `weight` of 100, or without it at 0; comments before the first key stay."""
    text = (lab.repo.folder / _ROUTES).read_text()
    try:
        tree = yaml.safe_load(text)
        others = [route for route in tree["routes"] if route["service"] not in (STABLE, TRACK)]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise PlatformError("Broken routes", f"{_ROUTES}: {error}", "Mend the file, or `lab reset`.") from error
    canary = [{"service": TRACK, "weight": weight}] if weight else []
    tree["routes"] = [{"service": STABLE, "weight": 100 - weight}, *canary, *others]
    tree["rollback"] = {**(tree.get("rollback") or {}), "enabled": auto_rollback}
    head = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        head.append(line + "\n")
    return "".join(head) + yaml.safe_dump(tree, sort_keys=False, default_flow_style=None)


def _alias_of(lab: Lab) -> str | None:
    for item in yaml.safe_load_all((lab.repo.folder / _MANIFEST).read_text()):
        if item and item["kind"] == "Deployment":
            environ = item["spec"]["template"]["spec"]["containers"][0].get("env", [])
            return next((str(entry["value"]) for entry in environ if entry["name"] == _ALIAS), None)
    return None


def _commit(lab: Lab, files: dict[Path, str | None] | dict[Path, str], message: str) -> list[str]:
    """Write or remove these files of the repo and commit them alone; says so, or that nothing had to be changed."""
    touched = []
    for name, text in files.items():
        path = lab.repo.folder / name
        if text is None and path.exists():
            path.unlink()
            touched.append(path)
        elif text is not None:
            path.write_text(text)
            touched.append(path)
    if not lab.repo.differs(touched):
        return ["the platform repo says so already"]
    sha = lab.repo.commit(message, by="you", only=touched)
    return [f"committed {sha[:7]}: {message}"]


def _apply(lab: Lab, *below: str) -> list[str]:
    lines = []
    for item in _objects(lab, below):
        _, outcome = apply(lab.cluster, item)
        lines.append(f"{str(item['kind']).lower()}/{item['metadata']['name']} {outcome}")
    return lines


def _objects(lab: Lab, below: tuple[str, ...]) -> list[Object]:
    """What to apply below some paths, Services before routes before Deployments that follow them."""
    return [item for path in below for item in lab.repo.objects(path)]


def _delete(lab: Lab) -> list[str]:
    lines = []
    for kind in ("Deployment", "Service"):
        if lab.cluster.find(kind, TRACK) is not None:
            lab.cluster.delete(kind, TRACK)
            lines.append(f"{kind.lower()}/{TRACK} deleted")
    return lines


def _exists(lab: Lab) -> bool:
    return (lab.repo.folder / _MANIFEST).is_file() or lab.cluster.find("Deployment", TRACK) is not None
