"""
The device's metrics under the names that dcgm-exporter gives them.

Names, types and help are those of its lists of counters (etc/default-counters.csv and etc/dcp-metrics-included.csv);
labels are its labels too. As with its option for shared devices, every pod on the device gets a series of its own
with the figures of the whole device: DCGM cannot tell processes that share one apart. What a single process takes is
in the `accelerator_process_*` metrics, as `nvidia-smi` lists it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stack.accelerator.board import Reading, Usage
from stack.accelerator.spec import DeviceSpec


@dataclass(frozen=True, slots=True)
class Field:
    """One metric: its name, its type in Prometheus, and its help."""

    name: str
    type: str
    help: str


XID = Field("DCGM_FI_DEV_XID_ERRORS", "gauge", "Value of the last XID error encountered.")
FIELDS: tuple[Field, ...] = (
    Field("DCGM_FI_DEV_SM_CLOCK", "gauge", "SM clock frequency (in MHz)."),
    Field("DCGM_FI_DEV_MEM_CLOCK", "gauge", "Memory clock frequency (in MHz)."),
    Field("DCGM_FI_DEV_GPU_TEMP", "gauge", "GPU temperature (in C)."),
    Field("DCGM_FI_DEV_POWER_USAGE", "gauge", "Power draw (in W)."),
    Field("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "counter", "Total energy consumption since boot (in mJ)."),
    Field("DCGM_FI_DEV_GPU_UTIL", "gauge", "GPU utilization (in %)."),
    XID,
    Field("DCGM_FI_DEV_FB_FREE", "gauge", "Framebuffer memory free (in MiB)."),
    Field("DCGM_FI_DEV_FB_USED", "gauge", "Framebuffer memory used (in MiB)."),
    Field("DCGM_FI_DEV_FB_RESERVED", "gauge", "Framebuffer memory reserved (in MiB)."),
    Field("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "counter", "Total number of single-bit volatile ECC errors."),
    Field("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "counter", "Total number of double-bit volatile ECC errors."),
    Field("DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "gauge", "Current clock throttle reasons (bitmask)."),
    Field("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "gauge", "Ratio of time the graphics engine is active."),
)
PROCESS_MEMORY = Field("accelerator_process_memory_bytes", "gauge", "Device memory that a process holds.")
PROCESS_ENGINE = Field("accelerator_process_engine_seconds_total", "counter", "Device time that a process got.")


def _values(reading: Reading) -> dict[str, float]:
    return {
        "DCGM_FI_DEV_SM_CLOCK": round(reading.sm_clock),
        "DCGM_FI_DEV_MEM_CLOCK": round(reading.memory_clock),
        "DCGM_FI_DEV_GPU_TEMP": round(reading.celsius),
        "DCGM_FI_DEV_POWER_USAGE": round(reading.watts, 3),
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": round(reading.millijoules),
        "DCGM_FI_DEV_GPU_UTIL": round(reading.busy * 100),
        "DCGM_FI_DEV_XID_ERRORS": reading.xid,
        "DCGM_FI_DEV_FB_FREE": round(reading.free_mib),
        "DCGM_FI_DEV_FB_USED": round(reading.used_mib),
        "DCGM_FI_DEV_FB_RESERVED": round(reading.reserved_mib),
        "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": reading.single_bit,
        "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": reading.double_bit,
        "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": int(reading.reasons),
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE": round(reading.busy, 6),
    }


def exposition(spec: DeviceSpec, hostname: str, reading: Reading, usages: Sequence[Usage]) -> bytes:
    """All of it in Prometheus' text format; of a device off the bus only the Xid is left, as with the real one."""
    device = {
        "gpu": "0",
        "UUID": spec.uuid,
        "pci_bus_id": "00000000:01:00.0",
        "device": "nvidia0",
        "modelName": spec.name,
        "Hostname": hostname,
        "DCGM_FI_DRIVER_VERSION": spec.driver,
    }
    pods = _pods(usages)
    values = _values(reading)
    lines: list[str] = []
    for field in (XID,) if reading.lost else FIELDS:
        lines += family(field, [({**device, **pod}, values[field.name]) for pod in pods])
    lines += family(PROCESS_MEMORY, [(labels, usage.bytes) for labels, usage in _processes(usages)])
    lines += family(PROCESS_ENGINE, [(labels, usage.engine_seconds) for labels, usage in _processes(usages)])
    return ("\n".join(lines) + "\n").encode()


def _pods(usages: Sequence[Usage]) -> list[dict[str, str]]:
    found = {(usage.process.pod, usage.process.namespace, usage.process.container): None for usage in usages}
    named = sorted(names for names in found if names[0])
    return [
        {"container": container, "namespace": namespace, "pod": pod, "vgpu": str(number)}
        for number, (pod, namespace, container) in enumerate(named)
    ] or [{}]


def _processes(usages: Sequence[Usage]) -> Iterator[tuple[dict[str, str], Usage]]:
    for usage in usages:
        process = usage.process
        names = {"container": process.container, "namespace": process.namespace, "pod": process.pod}
        yield {"gpu": "0", **names, "pid": str(process.pid)}, usage


def family(field: Field, samples: Sequence[tuple[Mapping[str, str], float]]) -> list[str]:
    """One metric with its head, in Prometheus' text format."""
    head = [f"# HELP {field.name} {field.help}", f"# TYPE {field.name} {field.type}"]
    return head + [f"{field.name}{{{_labels(labels)}}} {value:.10g}" for labels, value in samples]


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
