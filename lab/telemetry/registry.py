"""The model registry over HTTP: what is registered, where aliases point, and who moved them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lab.errors import LabError, NotFound

MODEL = "flight-risk"
_TIMEOUT_SECONDS = 5.0
_ALIAS_PATH = "/api/2.0/mlflow/registered-models/alias"
_NO_PROXY = ProxyHandler({})

T = TypeVar("T", bound=BaseModel)


class RegistryError(LabError):
    """The registry did not answer, or refused."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Move(_Message):
    """Somebody pointed an alias elsewhere; None is "no version"."""

    seq: int
    at: float
    alias: str
    before: Annotated[str | None, Field(alias="from")]
    after: Annotated[str | None, Field(alias="to")]
    who: str
    message: str


class RegistryState(_Message):
    """What a watcher compares."""

    model: str
    aliases: dict[str, str]
    """From alias to version."""
    versions: dict[str, str]
    """From version to the sha256 of its file as it is now; empty where it has none."""
    moves: tuple[Move, ...]


class Version(_Message):
    """One registered version with the run that made it."""

    version: str
    aliases: tuple[str, ...]
    created: float
    """Unix seconds."""
    by: str
    description: str
    run_id: str
    commit: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    file_sha256: str


class _Versions(_Message):
    versions: tuple[Version, ...]


class NewVersion(_Message):
    """A version to register with its file; None of it can be taken back."""

    by: str
    description: str
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}


class ModelRegistry:
    """The registry of one lab, at an address."""

    def __init__(self, address: str, model: str = MODEL) -> None:
        self.address = address.rstrip("/")
        self.model = model

    def state(self) -> RegistryState:
        """Aliases, hashes and moves."""
        return self._read(RegistryState, self._get("/state"))

    def versions(self) -> tuple[Version, ...]:
        """Every version, oldest first."""
        return self._read(_Versions, self._get("/versions")).versions

    def version(self, name: str) -> Version:
        """The version of a number or an alias; raises NotFound with what there is."""
        return self._read(Version, self._get(f"/versions/{quote(name, safe='')}"))

    def move_alias(self, alias: str, version: str, who: str, message: str = "") -> None:
        """Point an alias at a version; raises NotFound for a version that is not there."""
        body = {"name": self.model, "alias": alias, "version": version, "user": who, "message": message}
        self._ask("POST", _ALIAS_PATH, json.dumps(body).encode())

    def register(self, content: bytes, new: NewVersion) -> Version:
        """Register a version with its ONNX file; the same file and description again give the same version."""
        body = {"model": self.model, "content": base64.b64encode(content).decode(), **new.model_dump()}
        return self._read(Version, self._ask("POST", "/register", json.dumps(body).encode()))

    def snapshot(self) -> bytes:
        """A tar file of the database and all files, consistent in itself."""
        return self._ask("GET", "/snapshot")

    def _get(self, path: str) -> bytes:
        return self._ask("GET", f"{path}?{urlencode({'model': self.model})}")

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {} if body is None else {"content-type": "application/json"}
        request = Request(f"{self.address}{path}", body, headers, method=method)  # noqa: S310
        try:
            with build_opener(_NO_PROXY).open(request, timeout=_TIMEOUT_SECONDS) as response:
                content: bytes = response.read()
                return content
        except HTTPError as error:
            raise _refused(error) from error
        except (URLError, OSError, ValueError) as error:
            raise _silent(self.address, str(error)) from error

    def _read(self, kind: type[T], content: bytes) -> T:
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            raise _silent(self.address, f"its answer was not understood: {error.error_count()} problems") from error


def _refused(error: HTTPError) -> LabError:
    try:
        answer: Mapping[str, Any] = json.load(error)
    except (ValueError, OSError):
        answer = {}
    why = str(answer.get("message") or answer.get("error") or f"HTTP {error.code}")
    if error.code == 404 and answer:
        return NotFound("Not in the registry", f"{why}.", "See `registry list`.")
    return RegistryError("The registry refused", f"{why}.", "See `registry list`.")


def _silent(address: str, why: str) -> RegistryError:
    return RegistryError("The registry does not answer", f"{address}: {why}.", "See `get pods`, then `lab status`.")
