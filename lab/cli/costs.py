"""What the ways to run a lab cost, told once before a lab starts for the first time."""

from __future__ import annotations

from dataclasses import dataclass

from lab.operate.tables import aligned


@dataclass(frozen=True, slots=True)
class Cost:
    """One way and its price on a laptop with two cores; figures are rounded from measurements, without downloads."""

    on: str
    first: str
    later: str
    memory: str
    downloads: str


COSTS = (
    Cost("embedded", "10 s", "8 s", "450 MB", "Prometheus and Alertmanager, 30 to 130 MB"),
    Cost("kind", "100 s", "65 s", "1 GB", "images of the node, Python, Prometheus and Alertmanager, 670 MB"),
    Cost("context:NAME", "15 s", "15 s", "50 MB here", "none here; the nodes pull the stack's images"),
)


def cost_table(on: str) -> str:
    """The table, with the way that this start takes marked."""
    rows = [("", "WAY", "FIRST START", "LATER", "MEMORY", "AND DOWNLOADS, ONCE")]
    for cost in COSTS:
        mark = ">" if cost.on == on or (cost.on.startswith("context:") and on.startswith("context:")) else ""
        rows.append((mark, f"--on {cost.on}", cost.first, cost.later, cost.memory, cost.downloads))
    return f"The first start of this lab.\n{aligned(rows)}"
