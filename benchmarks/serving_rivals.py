"""The servers that are compared: how each is installed, started, and asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENVS = Path(__file__).with_name(".venvs")
INFER = "/v2/models/flight-risk/infer"
OURS = "model server"
ROW = [-2.0, 14.0, 163.0, 820.0, 5.0, 1.0, 1.1, -7.0, -6.3, 62.0, 10.4, 10.0]
UVICORN = ["-m", "uvicorn", "--http=httptools", "--loop=asyncio", "--no-access-log", "--log-level=warning", "--factory"]


class Missing(Exception):
    """A server that cannot be compared here, and why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is to run: its port, a folder of its own, and the files of the model."""

    port: int
    folder: Path
    onnx: Path
    pickle: Path


Command = Callable[[Place], list[str]]


@dataclass(frozen=True, slots=True)
class Rival:
    """One way to serve the model."""

    name: str
    command: Command
    """What to run; raises Missing."""
    output: str = ""
    """The output to ask for, where the default is not the probability."""
    environ: dict[str, str] = field(default_factory=dict)


def body(rows: int, output: str = "") -> str:
    """A scoring request of so many rows."""
    tensor = {"name": "features", "datatype": "FP32", "shape": [rows, len(ROW)], "data": ROW * rows}
    document: dict[str, object] = {"id": "UA1-1001-EWR-IAH", "inputs": [tensor]}
    return json.dumps(document | ({"outputs": [{"name": output}]} if output else {}), separators=(",", ":"))


def environment(rival: Rival, place: Place) -> dict[str, str]:
    """The environment that all servers get: one thread for arithmetic, nothing sent home."""
    return os.environ | {
        "OMP_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_HOME": str(place.folder / "bentoml"),
        "PYTHONPATH": str(ROOT),
        "ONNX_FILE": str(place.onnx),
        "PICKLE_FILE": str(place.pickle),
        **rival.environ,
    }


def _address(place: Place) -> list[str]:
    return ["--host", "127.0.0.1", "--port", str(place.port)]


def _ours(place: Place) -> list[str]:
    return [sys.executable, "-m", "stack.model_server", *_address(place)]


def _baseline(name: str) -> Command:
    return lambda place: [sys.executable, *UVICORN, f"benchmarks.serving_baselines:{name}", *_address(place)]


def _bento(place: Place) -> list[str]:
    python = _environment("bentoml", ["bentoml==1.4.39", *_same("onnxruntime", "numpy")])
    return [str(python.with_name("bentoml")), "serve", "benchmarks.serving_bento:FlightRisk", *_address(place)]


def _mlserver(place: Place) -> list[str]:
    python = _environment("mlserver", ["mlserver==1.7.1", "mlserver-sklearn==1.7.1", *_same("scikit-learn", "numpy")])
    settings = {
        "host": "127.0.0.1", "http_port": place.port, "grpc_port": place.port + 1, "metrics_port": place.port + 2,
        "parallel_workers": 0, "debug": False,
    }  # fmt: skip
    model = {
        "name": "flight-risk",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(place.pickle)},
    }
    (place.folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (place.folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    return [str(python.with_name("mlserver")), "start", str(place.folder)]


def _nginx(place: Place) -> list[str]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise Missing("nginx is not installed")
    answer = json.dumps({"outputs": [{"name": "probability", "datatype": "FP32", "shape": [1], "data": [0.0472]}]})
    configuration = place.folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; worker_processes 1; pid {place.folder}/nginx.pid; error_log stderr error;\n"
        "events { worker_connections 1024; }\n"
        "http { access_log off; keepalive_requests 100000000; "
        f"server {{ listen 127.0.0.1:{place.port}; location / {{ return 200 '{answer}'; }} }} }}\n",
        encoding="utf-8",
    )
    return [program, "-p", str(place.folder), "-c", str(configuration)]


RIVALS = (
    Rival("plain FastAPI + scikit-learn", _baseline("plain_sklearn")),
    Rival("FastAPI + pydantic + ONNX Runtime", _baseline("pydantic_onnx")),
    Rival("BentoML + ONNX Runtime", _bento),
    Rival("MLServer + scikit-learn", _mlserver, output="predict_proba"),
    Rival(OURS, _ours),
    Rival("nginx, constant answer", _nginx),
)


def _same(*packages: str) -> list[str]:
    """The packages at the versions that are installed here, so that all servers run the same model alike."""
    from importlib.metadata import version

    return [f"{package}=={version(package)}" for package in packages]


def _environment(name: str, packages: list[str]) -> Path:
    """The Python of an environment of its own with some packages, made and filled when it is not there yet."""
    folder = VENVS / name
    python = folder / "bin" / "python"
    wanted = folder / "packages.txt"
    if wanted.is_file() and wanted.read_text(encoding="utf-8").split() == packages:
        return python
    print(f"installing {' '.join(packages)} into {folder} (once)", flush=True)
    try:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--prefer-binary", *packages],
            check=True, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{name} was not installed within ten minutes") from error
    except subprocess.CalledProcessError as error:
        lines = str(error.stderr or error.output).strip().splitlines()
        raise Missing(f"{name} cannot be installed: {lines[-1] if lines else error}") from error
    wanted.write_text("\n".join(packages), encoding="utf-8")
    return python
