"""The way from the forwarder to a Service: the API server's proxy, with the credentials of a kubeconfig."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from lab.cluster.connection import api_client
from lab.errors import ClusterUnavailable

if TYPE_CHECKING:
    from kubernetes.client import ApiClient
    from urllib3.response import BaseHTTPResponse

CONNECT_SECONDS = 5.0
READ_SECONDS = 120.0
CONNECTIONS = 32
"""Connections to the API server that are kept for the next request."""

Body = bytes | Iterable[bytes] | None
_Version = tuple[int, int, int]
_log = logging.getLogger("lab.cluster.forward")


class Unreachable(Exception):
    """The API server cannot be reached, or the kubeconfig cannot be used; the text says why."""


class Upstream:
    """Requests to the Services of one namespace; any number of threads may use it at a time."""

    def __init__(self, kubeconfig: Path, namespace: str, environ: Mapping[str, str]) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._environ = environ
        self._lock = Lock()
        self._client: tuple[_Version, ApiClient] | None = None

    def prefix(self, service: str) -> str:
        """What the API server puts before each path of that Service."""
        return f"/api/v1/namespaces/{self._namespace}/services/http:{service}:http/proxy"

    def send(self, method: str, service: str, path: str, headers: Mapping[str, str], body: Body) -> BaseHTTPResponse:
        """
        The answer, its body not yet read; `path` is as the client wrote it, query included.

        Credentials that the API server no longer takes are read anew once.

        Raises:
            Unreachable: there is no answer.
        """
        target = self.prefix(service) + path
        answer = self._send(method, target, headers, body)
        if answer.status == 401 and (body is None or isinstance(body, bytes)):
            answer.drain_conn()
            answer.release_conn()
            self.forget()
            answer = self._send(method, target, headers, body)
        return answer

    def forget(self) -> None:
        """Read the credentials anew for the next request."""
        with self._lock:
            self._client = None

    def _send(self, method: str, target: str, headers: Mapping[str, str], body: Body) -> BaseHTTPResponse:
        from urllib3.exceptions import HTTPError
        from urllib3.util import Timeout

        client = self._current()
        try:
            credentials = {item["key"]: item["value"] for item in client.configuration.auth_settings().values()}
            answer: BaseHTTPResponse = client.rest_client.pool_manager.request(
                method,
                client.configuration.host + target,
                body=body,
                headers={**headers, **credentials},
                timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,
            )
        except (HTTPError, OSError) as error:
            raise Unreachable(f"the Kubernetes API does not answer ({type(error).__name__})") from error
        return answer

    def _current(self) -> ApiClient:
        """A client for the kubeconfig as it is on disk now."""
        with self._lock:
            try:
                found = self._kubeconfig.stat()
            except OSError as error:
                raise Unreachable(f"{self._kubeconfig} cannot be read") from error
            version = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._client is None or self._client[0] != version:
                self._client = (version, self._load())
            return self._client[1]

    def _load(self) -> ApiClient:
        try:
            client = api_client(self._kubeconfig, self._environ, CONNECTIONS)
        except ClusterUnavailable as error:
            raise Unreachable(error.message) from error
        _log.info("forwarding to namespace %s of %s", self._namespace, client.configuration.host)
        return client
