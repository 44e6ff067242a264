"""The Docker engine of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from lab.errors import ClusterError, MissingError

if TYPE_CHECKING:
    from docker import DockerClient

TIMEOUT_SECONDS = 60
NEXT_STEP = (
    "Install Docker (docs.docker.com/get-docker), start it, and see that `docker ps` works without sudo; "
    "or use the embedded cluster: lab up --on embedded."
)


@contextmanager
def engine(environ: Mapping[str, str]) -> Iterator[DockerClient]:
    """
    A client for a while; whatever Docker refuses meanwhile is an error that a person can read.

    Raises:
        MissingError: no engine answers. ClusterError: it refused or failed.
    """
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    with closing(connect(environ)) as client:
        try:
            yield client
        except (DockerException, RequestException) as error:
            raise ClusterError(
                "Docker failed",
                _short(error),
                "See with `docker ps` and `docker info` whether Docker is well, then repeat.",
            ) from error


def connect(environ: Mapping[str, str], timeout_seconds: int = TIMEOUT_SECONDS) -> DockerClient:
    """
    A client of the engine that DOCKER_HOST names, else of the usual socket, else of the current Docker context.

    Raises:
        MissingError: no engine answers.
    """
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    reason = ""
    for address in (None, _context_address(environ)):
        given = {**environ, "DOCKER_HOST": address} if address else dict(environ)
        try:
            client = docker.from_env(environment=given, timeout=timeout_seconds)
            client.ping()
        except (DockerException, RequestException, OSError, ValueError) as error:
            reason = reason or _short(error)
        else:
            return client
    raise MissingError("Docker does not answer", f"no engine could be reached: {reason}.", NEXT_STEP)


def _context_address(environ: Mapping[str, str]) -> str | None:
    """Where the context of `docker context use` leads, as with engines in a user's own virtual machine."""
    if environ.get("DOCKER_HOST"):
        return None
    from docker.context import ContextAPI

    try:
        context = ContextAPI.get_current_context()
    except Exception:
        return None
    host = getattr(context, "Host", None)
    return str(host) if host else None


def _short(error: Exception) -> str:
    """The innermost reason, on one line."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return " ".join(str(inner).split())[:200] or type(inner).__name__
