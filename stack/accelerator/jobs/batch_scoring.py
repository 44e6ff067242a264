"""Scores a large table in batches: the nightly run of another team."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence

from stack.accelerator.device import Device, Kernel
from stack.accelerator.jobs.program import job_parser, positive, run_job, seconds, stop_on_signal
from stack.accelerator.workload import MIB, Workload


def main(argv: Sequence[str], environ: Mapping[str, str], stop: threading.Event | None = None) -> int:
    """Run the job; the exit code."""
    parser = job_parser("batch-scoring", "Score a table on the device, batch after batch, for a while.")
    parser.add_argument("--batch", type=positive, default=64, help="rows of a batch (default: %(default)s)")
    parser.add_argument("--rows", type=positive, help="how many rows to score (default: as many as the time allows)")
    parser.add_argument("--seconds", type=seconds, default=60.0, help="how long at most (default: %(default)g)")
    parser.add_argument("--pause", type=seconds, default=0.0, help="wait between batches (default: %(default)g)")
    parser.add_argument("--weights-mib", type=positive, default=2048, help="size of the model (default: %(default)s)")
    parser.add_argument("--row-mib", type=positive, default=48, help="activations of a row (default: %(default)s)")
    return run_job("batch-scoring", parser, argv, environ, stop or stop_on_signal(), _work)


def _work(device: Device, arguments: argparse.Namespace, log: logging.Logger, stop: threading.Event) -> None:
    cost = Workload(weights_bytes=arguments.weights_mib * MIB, activation_bytes=arguments.row_mib * MIB)
    device.alloc(cost.weights_bytes)
    left, used, batches = arguments.rows, 0.0, 0
    while used < arguments.seconds and left != 0 and not stop.is_set():
        rows = arguments.batch if left is None else min(left, arguments.batch)
        activations = device.alloc(cost.activation_bytes * rows)
        used += device.run(Kernel(cost.flops_per_row * rows, cost.launches)) + arguments.pause
        device.free(activations)
        left = None if left is None else left - rows
        batches += 1
        stop.wait(arguments.pause)
    log.info("scored %d batches in %.1f s", batches, used)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
