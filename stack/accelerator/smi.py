"""
The real devices of this machine, as `nvidia-smi` reports them, under the names that dcgm-exporter gives.

For machines that have a device and no DCGM. What nvidia-smi does not know has no series: Xid events, energy, and the
engine's activity as a ratio.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from stack.accelerator.exposition import FIELDS, family
from stack.common.errors import StartError

PROGRAM = "nvidia-smi"
RETRY_SECONDS = 5.0
_LABELS = ("index", "uuid", "pci.bus_id", "name", "driver_version")
_FIGURES: Mapping[str, str] = {
    "clocks.sm": "DCGM_FI_DEV_SM_CLOCK",
    "clocks.mem": "DCGM_FI_DEV_MEM_CLOCK",
    "temperature.gpu": "DCGM_FI_DEV_GPU_TEMP",
    "power.draw": "DCGM_FI_DEV_POWER_USAGE",
    "utilization.gpu": "DCGM_FI_DEV_GPU_UTIL",
    "memory.free": "DCGM_FI_DEV_FB_FREE",
    "memory.used": "DCGM_FI_DEV_FB_USED",
    "memory.reserved": "DCGM_FI_DEV_FB_RESERVED",
    "ecc.errors.corrected.volatile.total": "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL",
    "ecc.errors.uncorrected.volatile.total": "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL",
    "clocks_throttle_reasons.active": "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS",
}
"""Properties of `--query-gpu`, in the units that DCGM has too, to the metric they become."""


@dataclass(frozen=True, slots=True)
class Report:
    """One device at one moment: labels as dcgm-exporter's, figures by metric."""

    labels: Mapping[str, str]
    figures: Mapping[str, float]


def read_report(line: str) -> Report:
    """
    A device from one line of `--format=csv,noheader,nounits`; what is not supported there is left out.

    Raises:
        ValueError: it is no such line.
    """
    values = [value.strip() for value in line.split(",")]
    if len(values) != len(_LABELS) + len(_FIGURES):
        raise ValueError(f"{len(values)} values, expected {len(_LABELS) + len(_FIGURES)}: {line.strip()[:80]}")
    number, uuid, bus, name, driver = values[: len(_LABELS)]
    figures: dict[str, float] = {}
    for metric, text in zip(_FIGURES.values(), values[len(_LABELS) :], strict=True):
        with suppress(ValueError):
            figures[metric] = float(int(text, 16)) if text.startswith("0x") else float(text)
    labels = {
        "gpu": number, "UUID": uuid, "pci_bus_id": bus, "device": f"nvidia{number}", "modelName": name,
        "DCGM_FI_DRIVER_VERSION": driver,
    }  # fmt: skip
    return Report(labels, figures)


class RealDevices:
    """The newest report of each device."""

    def __init__(self, hostname: str, log: logging.Logger, program: str = PROGRAM) -> None:
        self._hostname = hostname
        self._log = log
        self._program = program
        self._reports: dict[str, Report] = {}

    def require(self) -> None:
        """Raise StartError where there is no such program."""
        if shutil.which(self._program) is None:
            raise StartError(f"{self._program} is not on PATH; it comes with the driver of a real device")

    async def follow(self) -> None:
        """Keep the reports up to date, one a second, until cancelled; the program is started again when it ends."""
        query = f"--query-gpu={','.join((*_LABELS, *_FIGURES))}"
        while True:
            argv = (query, "--format=csv,noheader,nounits", "--loop=1")
            process = await asyncio.create_subprocess_exec(self._program, *argv, stdout=PIPE, stderr=DEVNULL)
            try:
                assert process.stdout is not None
                async for line in process.stdout:
                    self._take(line.decode(errors="replace"))
                self._reports.clear()
                self._log.warning("%s ended with %s; again in %g s", self._program, await process.wait(), RETRY_SECONDS)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            await asyncio.sleep(RETRY_SECONDS)

    def exposition(self) -> bytes:
        """The reports in Prometheus' text format."""
        lines: list[str] = []
        for field in FIELDS:
            found = [
                ({**report.labels, "Hostname": self._hostname}, report.figures[field.name])
                for _, report in sorted(self._reports.items())
                if field.name in report.figures
            ]
            lines += family(field, found) if found else []
        return "".join(f"{line}\n" for line in lines).encode()

    def _take(self, line: str) -> None:
        try:
            report = read_report(line)
        except ValueError as error:
            self._log.warning("%s: not understood: %s", self._program, error)
            return
        self._reports[report.labels["UUID"]] = report
