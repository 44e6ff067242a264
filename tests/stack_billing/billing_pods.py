"""Pods for the billing tests, and a sheet with round prices."""

from __future__ import annotations

from stack.billing.prices import PriceSheet
from stack.billing.source import BookedContainer, BookedPod, PodPage

PRICES = PriceSheet("USD", 0.04, 0.005, 0.6, 0.011, 0.1)
GIB = 2**30
NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z."""


def pod(
    name: str, component: str = "gateway", cpu: float = 0.1, gib: float = 0.25, gpu: float = 0, since: str = ""
) -> BookedPod:
    container = BookedContainer(component or "main", cpu, gib * GIB, gpu)
    return BookedPod(name, "lab-a", f"uid-{name}", component, "ReplicaSet", "node-1", since, [container])


def page(*pods: BookedPod, version: int = 1) -> PodPage:
    return PodPage(version, list(pods))
