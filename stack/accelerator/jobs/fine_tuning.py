"""
Fine-tunes a transformer: a job whose memory grows with its batch and, faster, with the length of its sequences.

States take 16 bytes a parameter in mixed precision with Adam (Rajbhandari et al., "ZeRO", 2020). The activations of a
layer take `s * b * h * (34 + 5 * a * s / h)` bytes for sequence length `s`, batch `b`, hidden size `h` and `a` heads
(Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models", 2022). A step takes
`6 * p * s * b` operations for `p` parameters (Kaplan et al., "Scaling Laws for Neural Language Models", 2020).
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stack.accelerator.device import Device, Kernel
from stack.accelerator.errors import human
from stack.accelerator.jobs.program import job_parser, positive, run_job, stop_on_signal


@dataclass(frozen=True, slots=True)
class Transformer:
    """A network of `layers` layers of `hidden` units with `heads` heads; 12 h^2 parameters a layer."""

    layers: int
    hidden: int
    heads: int

    @property
    def parameters(self) -> int:
        """Weights of all layers, embeddings aside."""
        return 12 * self.layers * self.hidden**2

    @property
    def state_bytes(self) -> int:
        """Weights, gradients and the optimizer's state."""
        return 16 * self.parameters

    def activation_bytes(self, sequence: int, batch: int) -> int:
        """Activations of one layer."""
        return sequence * batch * (34 * self.hidden + 5 * self.heads * sequence)

    def step_flops(self, sequence: int, batch: int) -> float:
        """Operations of one step, forward and backward."""
        return 6.0 * self.parameters * sequence * batch


def main(argv: Sequence[str], environ: Mapping[str, str], stop: threading.Event | None = None) -> int:
    """Run the job; the exit code."""
    parser = job_parser("fine-tuning", "Fine-tune a transformer for a number of steps.")
    for name, default, meaning in (
        ("layers", 12, "layers of the network"), ("hidden", 768, "units of a layer"), ("heads", 12, "heads of a layer"),
        ("sequence-length", 512, "tokens of a sequence"), ("batch-size", 8, "sequences of a step"),
        ("steps", 50, "how many steps"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=positive, default=default, help=f"{meaning} (default: %(default)s)")
    return run_job("fine-tuning", parser, argv, environ, stop or stop_on_signal(), _work)


def _work(device: Device, arguments: argparse.Namespace, log: logging.Logger, stop: threading.Event) -> None:
    network = Transformer(arguments.layers, arguments.hidden, arguments.heads)
    sequence, batch = arguments.sequence_length, arguments.batch_size
    device.alloc(network.state_bytes)
    log.info("%d parameters, states of %s", network.parameters, human(network.state_bytes))
    for step in range(1, arguments.steps + 1):
        if stop.is_set():
            return
        activations = [device.alloc(network.activation_bytes(sequence, batch)) for _ in range(network.layers)]
        seconds = device.run(Kernel(network.step_flops(sequence, batch), launches=30 * network.layers))
        for buffer in reversed(activations):
            device.free(buffer)
        if step == 1 or step % 10 == 0 or step == arguments.steps:
            reserved = human(device.memory_info().reserved)
            log.info("step %d: %.0f tokens/s, %s reserved", step, sequence * batch / max(seconds, 1e-9), reserved)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
