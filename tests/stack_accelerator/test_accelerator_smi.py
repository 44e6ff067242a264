"""Real devices as nvidia-smi reports them; the program is a script of the test."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stack.accelerator.smi import RealDevices, read_report
from stack.common.errors import StartError

LOG = logging.getLogger("accelerator-smi")
LINE = (
    "0, GPU-1b2c, 00000000:01:00.0, NVIDIA T4, 550.54.15, 1590, 5000, 61, 68.42, 97, 11000, 4210, 250, 3, 0, "
    "0x0000000000000020"
)
BARE = "1, GPU-9f, 00000000:02:00.0, NVIDIA MX450, 550.54.15, 300, 405, 40, [N/A], 0, 2000, 48, 60, [N/A], [N/A], 0x1"


def test_a_line_becomes_metrics_and_what_is_not_supported_is_left_out() -> None:
    report = read_report(LINE)
    assert report.labels["device"] == "nvidia0"
    assert report.figures["DCGM_FI_DEV_POWER_USAGE"] == 68.42
    assert report.figures["DCGM_FI_DEV_CLOCK_THROTTLE_REASONS"] == 32
    bare = read_report(BARE)
    assert "DCGM_FI_DEV_POWER_USAGE" not in bare.figures
    assert bare.figures["DCGM_FI_DEV_FB_USED"] == 48
    with pytest.raises(ValueError, match="expected"):
        read_report("NVIDIA-SMI has failed because it couldn't communicate with the driver.")


async def test_reports_are_followed_and_exported(tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{LINE}'\necho '{BARE}'\necho broken\nexec tail -f /dev/null\n")
    program.chmod(0o755)
    devices = RealDevices("a-node", LOG, str(program))
    devices.require()
    following = asyncio.create_task(devices.follow())
    async with asyncio.timeout(15):
        while b'gpu="1"' not in devices.exposition():
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    found = {family.name: family for family in text_string_to_metric_families(devices.exposition().decode())}
    assert [sample.value for sample in found["DCGM_FI_DEV_FB_USED"].samples] == [4210, 48]
    assert len(found["DCGM_FI_DEV_POWER_USAGE"].samples) == 1
    assert found["DCGM_FI_DEV_ECC_SBE_VOL_TOTAL"].type == "counter"
    assert found["DCGM_FI_DEV_SM_CLOCK"].samples[0].labels["Hostname"] == "a-node"
    assert "DCGM_FI_DEV_XID_ERRORS" not in found


def test_without_the_program_it_does_not_start() -> None:
    with pytest.raises(StartError, match="not on PATH"):
        RealDevices("a-node", LOG, "no-such-program-here").require()
