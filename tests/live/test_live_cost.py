"""What the stack costs follows what runs in it, and a device on it is shared, on real processes."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from liveboxes import Box, eventually

from stack.accelerator.device import Identity
from stack.accelerator.emulated import EmulatedDevice
from stack.wire.client import Address

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
SOON_SECONDS = 5.0
HOLDER = """
import sys, threading
from stack.accelerator.device import Identity
from stack.accelerator.emulated import EmulatedDevice
from stack.wire.client import Address
device = EmulatedDevice.open(Address.parse(sys.argv[1]), Identity("holder-1", "a-team", "main"))
device.alloc(2 * 1024**3)
print("holds", flush=True)
threading.Event().wait()
"""


def figure(box: Box, promql: str) -> float | None:
    """The one number of a query; None while there is none."""
    words = box.lab("ops", "query", promql).out.split()
    try:
        return float(words[-1])
    except (IndexError, ValueError):
        return None


def test_scaling_out_shows_in_what_an_hour_costs(box: Box) -> None:
    assert box.lab("up", "--json").code == 0
    eventually(lambda: figure(box, "job:cost_hourly:sum") is not None, 30, "an hour has a price")
    eventually(lambda: (figure(box, "job:cost_per_1000_predictions") or 0) > 0, 30, "predictions have a price")
    needed = []
    for replicas in (5, 8):  # a machine that stands still may miss the time once
        before = figure(box, "job:cost_hourly:sum") or 0.0
        box.lab("ops", "scale", "deployment/model-server", f"--replicas={replicas}")
        began = time.monotonic()
        dearer = before + 2 * (0.1 * 0.04 + 0.25 * 0.005)
        eventually(lambda floor=dearer: (figure(box, "job:cost_hourly:sum") or 0) > floor, 60, "it costs more")
        needed.append(time.monotonic() - began)
    assert min(needed) <= SOON_SECONDS
    box.lab("ops", "scale", "deployment/model-server", "--replicas=2")


def test_the_export_and_the_counters_and_the_figures_over_time_agree(box: Box) -> None:
    file = box.folder / "charges.csv"
    assert "charges written" in box.lab("ops", "cost", f"--csv={file}").out
    with file.open() as text:
        rows = list(csv.DictReader(text))
    start = min(row["ChargePeriodStart"] for row in rows)
    assert {row["SkuId"] for row in rows} >= {"cpu", "memory"}
    charged = sum(float(row["BilledCost"]) for row in rows)
    counted = figure(box, "sum(billing_cost_total)")
    assert counted == pytest.approx(charged, rel=0.2), "seconds pass between the two"
    window = 10
    burn = figure(box, f"avg_over_time(job:cost_hourly:sum[{window}s]) * {window} / 3600")
    grown = figure(box, f"sum(increase(billing_cost_total[{window}s]))")
    assert grown == pytest.approx(burn, rel=0.25), "Prometheus extrapolates increases at the ends of the window"
    again = box.folder / "again.csv"
    box.lab("ops", "cost", f"--csv={again}", f"--from={start}")
    assert again.read_text().count("\n") >= len(rows)


def test_a_device_shows_what_processes_hold_and_forgets_who_is_gone(box: Box) -> None:
    repo = Path(box.status()["platform_repo"])
    shutil.copy(repo / "options" / "accelerator.yaml", repo / "manifests" / "46-accelerator.yaml")
    box.lab("ops", "apply")
    services = box.lab("ops", "get", "services").out
    line = next(line.split() for line in services.splitlines() if line.startswith("accelerator"))
    address = Address(urlsplit(f"//{line[1]}").hostname or line[1], int(line[2].split(",")[0]))
    eventually(lambda: figure(box, "max(DCGM_FI_DEV_FB_USED)") == 0, 60, "the device is there and empty")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(address)], cwd=ROOT, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"holds\n"
        promql = 'max(DCGM_FI_DEV_FB_USED{pod="holder-1"})'
        eventually(lambda: (figure(box, promql) or 0) > 2048, 30, "what it holds shows under its pod")
        holder.kill()
    eventually(lambda: figure(box, "max(DCGM_FI_DEV_FB_USED)") == 0, 30, "what it held is free")
    EmulatedDevice.open(address, Identity()).close()
