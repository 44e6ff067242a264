"""The official client on a kubeconfig: certificates, tokens and login programs, and whose proxy is used when."""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from lab.errors import ClusterUnavailable

if TYPE_CHECKING:
    from kubernetes.client import ApiClient


def api_client(kubeconfig: Path, environ: Mapping[str, str], connections: int | None = None) -> ApiClient:
    """
    A client for the current context of that file; starts login programs that it names, and does no request.

    The client library keeps certificates in files: they lie beside the kubeconfig, in a folder of this process.

    Raises:
        ClusterUnavailable: the file is missing or cannot be used.
    """
    from kubernetes import config
    from kubernetes.client import ApiClient, Configuration

    settings = Configuration()
    settings.proxy = None
    settings.retries = False
    if connections is not None:
        settings.connection_pool_maxsize = connections
    try:
        if not kubeconfig.is_file():
            raise FileNotFoundError(f"there is no {kubeconfig.name}")
        sweep_keys(kubeconfig)
        keys = _keys(kubeconfig) / str(os.getpid())
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        config.load_kube_config(
            str(kubeconfig), client_configuration=settings, persist_config=False, temp_file_path=str(keys)
        )
    except (config.ConfigException, OSError) as error:
        raise ClusterUnavailable(
            "No cluster", f"{kubeconfig} cannot be used: {error}.", "Start the stack with `lab up`."
        ) from error
    if settings.proxy is None:
        settings.proxy = proxy_for(settings.host, environ)
    settings.no_proxy = environ.get("NO_PROXY") or environ.get("no_proxy")
    if not settings.verify_ssl:
        _accept_without_warning()
    return ApiClient(settings)


def proxy_for(host: str, environ: Mapping[str, str]) -> str | None:
    """
    The proxy that the user's environment names for an API server, e.g. `https://10.0.0.1:6443`; None for loopback.

    What NO_PROXY exempts is left to the client, which knows its rules.
    """
    parts = urlsplit(host)
    name = parts.hostname or ""
    if name == "localhost" or _is_loopback(name):
        return None
    for variable in (f"{parts.scheme}_proxy", "all_proxy"):
        found = environ.get(variable) or environ.get(variable.upper())
        if found:
            return found
    return None


def sweep_keys(kubeconfig: Path) -> None:
    """Remove the certificates that processes which are gone left beside the kubeconfig."""
    folder = _keys(kubeconfig)
    for left in folder.glob("*"):
        if not (left.name.isdigit() and psutil.pid_exists(int(left.name))):
            shutil.rmtree(left, ignore_errors=True)


def _keys(kubeconfig: Path) -> Path:
    return kubeconfig.parent / "keys"


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _accept_without_warning() -> None:
    """A kubeconfig that says not to verify is the user's own choice, and not to be told of at every request."""
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
