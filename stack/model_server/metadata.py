"""What the model server says of itself and of its model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from stack.common.features import COUNT, FEATURES
from stack.model_server.protocol import DATATYPE, INPUT, OUTPUT
from stack.registry.versions import ModelVersion


class Message(BaseModel):
    """Base of the answers: no field beyond the declared ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Health(Message):
    """Whether it is live or ready, and in which phase of its life the server is."""

    ok: bool
    phase: str


class ServerMetadata(Message):
    """What the server is."""

    name: str
    version: str
    extensions: tuple[str, ...] = ()


class Tensor(Message):
    """An input or output of the model; -1 is any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class ConfigTensor(Message):
    """An input or output as Triton's model configuration writes it; -1 is any length."""

    name: str
    data_type: str
    dims: tuple[int, ...]


class ModelConfig(Message):
    """What Triton's clients ask for as the model configuration; the first dimension is that of the rows."""

    name: str
    platform: str = "onnxruntime_onnx"
    backend: str = "onnxruntime"
    max_batch_size: int = 0
    input: tuple[ConfigTensor, ...]
    output: tuple[ConfigTensor, ...]

    @classmethod
    def of(cls, version: ModelVersion) -> ModelConfig:
        """The configuration of a registered version."""
        kind = f"TYPE_{DATATYPE}"
        return cls(
            name=version.model,
            input=(ConfigTensor(name=INPUT, data_type=kind, dims=(-1, COUNT)),),
            output=(ConfigTensor(name=OUTPUT, data_type=kind, dims=(-1,)),),
        )


class IndexEntry(Message):
    """One model of the server, as its index lists it."""

    name: str
    version: str
    state: str
    reason: str = ""


class InputFeature(Message):
    """One value of an input row."""

    name: str
    unit: str
    meaning: str


class ModelMetadata(Message):
    """What the model takes and gives, and where it comes from."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    features: tuple[InputFeature, ...]
    sha256: str
    trained_on: str
    created: str
    metrics: dict[str, float]

    @classmethod
    def of(cls, version: ModelVersion) -> ModelMetadata:
        """The metadata of a registered version."""
        return cls(
            name=version.model,
            versions=(version.version,),
            platform="onnx_onnxv1",
            inputs=(Tensor(name=INPUT, datatype=DATATYPE, shape=(-1, COUNT)),),
            outputs=(Tensor(name=OUTPUT, datatype=DATATYPE, shape=(-1,)),),
            features=tuple(InputFeature(name=item.name, unit=item.unit, meaning=item.meaning) for item in FEATURES),
            sha256=version.sha256,
            trained_on=version.trained_on,
            created=version.created,
            metrics=version.metrics,
        )
