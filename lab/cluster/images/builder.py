"""Building images, or finding that they are there already."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lab.cluster.images.labels import BASE_REPOSITORY, CONTENT_LABEL, PUBLISHED_IMAGES
from lab.cluster.images.recipes import Recipe, Recipes, labels_of
from lab.cluster.provision import ImageSpec
from lab.errors import ClusterError, MissingError

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]

TAIL_LINES = 12
_FROM = re.compile(r"^FROM\s+(\S+)", re.MULTILINE)
_STEP = re.compile(r"Step (\d+)/(\d+) : (\w+)")
_PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
"""How this machine reaches package indexes; seen while building, kept in no image."""


class ImageBuilder:
    """Builds with one engine; `environ` says how the machine reaches package indexes."""

    def __init__(self, client: DockerClient, recipes: Recipes, environ: Mapping[str, str]) -> None:
        self._client = client
        self._recipes = recipes
        self._environ = environ

    def ensure_base(self, say: Say) -> str:
        """
        The reference of the base image, built where there is none of the same content.

        Raises:
            ClusterError: it cannot be built; the message carries the last lines of the build.
            MissingError: what it starts from cannot be had.
        """
        recipe = self._recipes.base()
        starts_from = sorted(set(_FROM.findall(recipe.files["Dockerfile"].decode())))
        labels = labels_of(recipe, *(self.ensure_pulled(name, say) for name in starts_from))
        reference = f"{BASE_REPOSITORY}:{labels[CONTENT_LABEL][:12]}"
        if self._content(reference) != labels[CONTENT_LABEL]:
            say("building the image that all components share; the first time takes some minutes")
            self._build(recipe, reference, labels, lambda line: _tell_step("base image", line, say))
        return reference

    def ensure(self, images: Sequence[ImageSpec], say: Say) -> dict[str, str]:
        """Build what is not there, and return reference to content hash of each image; raises as `ensure_base`."""
        base = self.ensure_base(say)
        base_id = str(self._client.images.get(base).id)
        contents: dict[str, str] = {}
        for spec in images:
            recipe = self._recipes.release(spec, base)
            labels = labels_of(recipe, base_id)
            if self._content(spec.reference) != labels[CONTENT_LABEL]:
                say(f"building {spec.reference}")
                self._build(recipe, spec.reference, labels, lambda line: None)
            contents[spec.reference] = labels[CONTENT_LABEL]
        return contents

    def ensure_pulled(self, reference: str, say: Say) -> str:
        """
        The id of an image that others publish, pulled only where it is not here.

        Raises:
            MissingError: it is not here and cannot be pulled.
        """
        from docker.errors import APIError, DockerException, ImageNotFound

        try:
            return str(self._client.images.get(reference).id)
        except ImageNotFound:
            say(f"pulling {reference}")
        name, _, tag = reference.rpartition(":")
        try:
            return str(self._client.images.pull(name, tag=tag).id)
        except (APIError, DockerException, OSError) as error:
            raise MissingError(
                "An image cannot be pulled",
                f"{reference} is not on this machine, and pulling it failed: {error}",
                f"See that this machine reaches the registry, then: docker pull {reference}.",
            ) from error

    def ensure_published(self, say: Say) -> dict[str, str]:
        """Reference to id of the images that the stack takes from others, pulled where they are not here."""
        return {reference: self.ensure_pulled(reference, say) for reference in PUBLISHED_IMAGES}

    def _content(self, reference: str) -> str | None:
        """What an image that is here was made from; None for no image, or none of ours."""
        from docker.errors import ImageNotFound

        try:
            labels: Mapping[str, str] = self._client.images.get(reference).labels
        except ImageNotFound:
            return None
        return labels.get(CONTENT_LABEL)

    def _build(self, recipe: Recipe, reference: str, labels: dict[str, str], tell: Say) -> None:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        arguments = {name: self._environ[name] for name in _PASSED_ON if self._environ.get(name)}
        lines: list[str] = []
        try:
            events = self._client.api.build(
                fileobj=recipe.archive(),
                custom_context=True,
                tag=reference,
                labels=labels,
                buildargs=arguments,
                network_mode="host",
                rm=True,
                forcerm=True,
                decode=True,
                timeout=900,
            )
            failure = _follow(events, lines, tell)
        except (DockerException, RequestException, OSError) as error:
            failure = str(error)
        if failure:
            tail = "\n".join([*lines[-TAIL_LINES:], failure])
            raise ClusterError(
                "An image could not be built",
                f"{reference}: the end of the build:\n{tail}",
                "See that this machine reaches its package index and has disk space, then repeat.",
            )


def _follow(events: Iterable[Mapping[str, Any]], lines: list[str], tell: Say) -> str:
    """Read a build to its end, keeping its lines; returns what went wrong, or nothing."""
    failure = ""
    for event in events:
        for line in str(event.get("stream", "")).splitlines():
            if line.strip():
                lines.append(line.rstrip())
                tell(line)
        failure = str(event.get("error", "")) or failure
    return failure


def _tell_step(what: str, line: str, say: Say) -> None:
    found = _STEP.match(line)
    if found:
        say(f"{what}: step {found[1]} of {found[2]} ({found[3]})")
