"""Plain text tables of cluster objects, with the columns that kubectl shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lab.cluster.client import Object


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as columns, three blanks apart, the last one ragged."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def age(seconds: float) -> str:
    """`5s`, `2m10s`, `3h`, `4d`, as kubectl writes ages."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    return f"{hours}h" if hours < 48 else f"{hours // 24}d"


def table(kind: str, items: Sequence[Object], now: float) -> str:
    """A table of objects of one kind."""
    match kind:
        case "Pod":
            return aligned([("NAME", "READY", "STATUS", "RESTARTS", "AGE"), *(_pod(item, now) for item in items)])
        case "Deployment":
            head = ("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "IMAGE", "AGE")
            return aligned([head, *(_deployment(item, now) for item in items)])
        case "ReplicaSet":
            return aligned([("NAME", "DESIRED", "READY", "IMAGE", "AGE"), *(_replica_set(item, now) for item in items)])
        case "Service":
            return aligned([("NAME", "CLUSTER-IP", "PORTS", "AGE"), *(_service(item, now) for item in items)])
        case "Event":
            return aligned([("LAST SEEN", "REASON", "OBJECT", "MESSAGE"), *(_event(item, now) for item in items)])
        case "Job":
            return aligned([("NAME", "STATUS", "COMPLETIONS", "AGE"), *(_job(item, now) for item in items)])
        case "CronJob":
            return aligned([("NAME", "SCHEDULE", "SUSPEND", "ACTIVE", "AGE"), *(_cron(item, now) for item in items)])
        case "HorizontalPodAutoscaler":
            head = ("NAME", "REFERENCE", "MINPODS", "MAXPODS", "REPLICAS", "AGE")
            return aligned([head, *(_scaler(item, now) for item in items)])
        case _:
            return aligned([("NAME", "AGE"), *((str(item["metadata"]["name"]), _age_of(item, now)) for item in items)])


def _pod(item: Object, now: float) -> tuple[str, ...]:
    status = item.get("status", {})
    containers = status.get("containerStatuses", [])
    ready = sum(1 for one in containers if one.get("ready"))
    restarts = sum(int(one.get("restartCount", 0)) for one in containers)
    total = len(item["spec"]["containers"])
    return (str(item["metadata"]["name"]), f"{ready}/{total}", _pod_status(item), str(restarts), _age_of(item, now))


def _pod_status(item: Object) -> str:
    if item["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = item.get("status", {})
    for one in status.get("containerStatuses", []):
        state = one.get("state", {})
        for what in ("waiting", "terminated"):
            if state.get(what, {}).get("reason"):
                return str(state[what]["reason"])
    return str(status.get("reason") or status.get("phase", "Unknown"))


def _deployment(item: Object, now: float) -> tuple[str, ...]:
    status = item.get("status", {})
    wanted = item["spec"].get("replicas", 1)
    image = str(item["spec"]["template"]["spec"]["containers"][0]["image"])
    return (
        str(item["metadata"]["name"]),
        f"{status.get('readyReplicas', 0)}/{wanted}",
        str(status.get("updatedReplicas", 0)),
        str(status.get("availableReplicas", 0)),
        image,
        _age_of(item, now),
    )


def _replica_set(item: Object, now: float) -> tuple[str, ...]:
    status = item.get("status", {})
    image = str(item["spec"]["template"]["spec"]["containers"][0]["image"])
    name, wanted = str(item["metadata"]["name"]), item["spec"].get("replicas", 0)
    return (name, str(wanted), str(status.get("readyReplicas", 0)), image, _age_of(item, now))


def _service(item: Object, now: float) -> tuple[str, ...]:
    ports = ",".join(str(port["port"]) for port in item["spec"].get("ports", []))
    return (str(item["metadata"]["name"]), str(item["spec"].get("clusterIP", "")), ports, _age_of(item, now))


def _event(item: Object, now: float) -> tuple[str, ...]:
    about = item["involvedObject"]
    seen = _unix(item.get("lastTimestamp") or item["metadata"]["creationTimestamp"])
    return (
        age(now - seen), str(item.get("reason", "")), f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}",
        str(item.get("message", "")),
    )  # fmt: skip


def _job(item: Object, now: float) -> tuple[str, ...]:
    spec, status = item["spec"], item.get("status", {})
    holding = {one["type"] for one in status.get("conditions", []) if one["status"] == "True"}
    state = next((word for word in ("Complete", "Failed", "Suspended") if word in holding), "Running")
    done = f"{status.get('succeeded', 0)}/{spec.get('completions', 1)}"
    return (str(item["metadata"]["name"]), state, done, _age_of(item, now))


def _cron(item: Object, now: float) -> tuple[str, ...]:
    spec, active = item["spec"], item.get("status", {}).get("active", [])
    suspended = str(bool(spec.get("suspend")))
    return (str(item["metadata"]["name"]), str(spec["schedule"]), suspended, str(len(active)), _age_of(item, now))


def _scaler(item: Object, now: float) -> tuple[str, ...]:
    spec, target = item["spec"], item["spec"]["scaleTargetRef"]
    bounds = (str(spec.get("minReplicas", 1)), str(spec["maxReplicas"]))
    replicas = str(item.get("status", {}).get("currentReplicas", 0))
    return (str(item["metadata"]["name"]), f"{target['kind']}/{target['name']}", *bounds, replicas, _age_of(item, now))


def _age_of(item: Object, now: float) -> str:
    return age(now - _unix(item["metadata"]["creationTimestamp"]))


def _unix(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
