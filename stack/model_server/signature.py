"""What the served model takes and gives, and whether a loaded ONNX file does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from stack.common.features import COUNT

_ONNX_TYPES = {"FP32": "tensor(float)", "FP64": "tensor(double)", "INT64": "tensor(int64)"}
"""From datatypes of the Open Inference Protocol to those of ONNX."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor of a model; -1 in the shape is any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.datatype} {list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """The tensors that a file takes, all of them, and those that it must give, others beside them being left alone."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


GRAPH = Signature(
    inputs=(TensorSpec("features", "FP32", (-1, COUNT)),), outputs=(TensorSpec("probabilities", "FP32", (-1, 2)),)
)
"""What the file of a version has: rows in, probabilities of punctual and late out."""


class Node(Protocol):
    """A tensor as ONNX Runtime describes it; a length may be a number, a symbol or None."""

    name: str
    type: str
    shape: list[int | str | None]


class Session(Protocol):
    """The part of an ONNX Runtime session that tells its tensors."""

    def get_inputs(self) -> list[Node]: ...

    def get_outputs(self) -> list[Node]: ...


def mismatch(session: Session, wanted: Signature = GRAPH) -> str:
    """What is wrong with the tensors of a loaded file, in one line naming the tensor; empty when nothing is."""
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = {node.name: node for node in session.get_outputs()}
    unknown = sorted(inputs.keys() - {tensor.name for tensor in wanted.inputs})
    if unknown:
        return f"it takes input {unknown[0]}, which nobody sends; it should take {_list(wanted.inputs)}"
    for kind, nodes, tensors in (("input", inputs, wanted.inputs), ("output", outputs, wanted.outputs)):
        for tensor in tensors:
            node = nodes.get(tensor.name)
            if node is None:
                return f"it has no {kind} {tensor.name}; it should have {tensor}"
            if node.type != _ONNX_TYPES[tensor.datatype]:
                return f"{kind} {tensor.name} is {node.type}; it should be {_ONNX_TYPES[tensor.datatype]}"
            if not _fits(node.shape, tensor.shape):
                return f"{kind} {tensor.name} has shape {node.shape}; it should have {list(tensor.shape)}"
    return ""


def _fits(found: list[int | str | None], wanted: tuple[int, ...]) -> bool:
    """A length that the file leaves open fits all; one that must be open may not be fixed."""
    if len(found) != len(wanted):
        return False
    return all(not isinstance(have, int) or have == want for have, want in zip(found, wanted, strict=True))


def _list(tensors: tuple[TensorSpec, ...]) -> str:
    return ", ".join(str(tensor) for tensor in tensors)
