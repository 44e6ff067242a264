"""
The errors of the API as Kubernetes words them; each is a Status document with a code and a reason.

StatusError            code, reason, message, details
  NotFound             404
  AlreadyExists        409
  Conflict             409, a stale resourceVersion or another uid
  Invalid              422, with one cause per field
  Expired              410, a resourceVersion that the watch history has left behind
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.cluster.embedded.kinds import Kind


class StatusError(Exception):
    """A refusal by the API; `document` is the Status body that a client receives."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}

    def document(self) -> dict[str, Any]:
        """The Status object of this refusal."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            body["details"] = self.details
        return body


class NotFound(StatusError):
    """No object of that name."""

    def __init__(self, kind: Kind, name: str) -> None:
        super().__init__(404, "NotFound", f'{kind.qualified} "{name}" not found', object_details(kind, name))


class AlreadyExists(StatusError):
    """An object of that name is there already."""

    def __init__(self, kind: Kind, name: str) -> None:
        super().__init__(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', object_details(kind, name))


class Conflict(StatusError):
    """The object changed since the caller read it, or is another one by now."""

    def __init__(self, kind: Kind, name: str, why: str) -> None:
        text = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
        super().__init__(409, "Conflict", text, object_details(kind, name))


STALE = "the object has been modified; please apply your changes to the latest version and try again"


class Expired(StatusError):
    """The watch history no longer reaches back to the asked version."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(410, "Expired", f"too old resource version: {asked} ({oldest})")


@dataclass(frozen=True, slots=True)
class Cause:
    """One field at fault: `reason` such as FieldValueInvalid, `field` as a path such as `spec.replicas`."""

    reason: str
    field: str
    message: str


class Invalid(StatusError):
    """The object breaks a rule; carries every field at fault."""

    def __init__(self, kind: Kind, name: str, causes: Sequence[Cause]) -> None:
        listed = [f"{cause.field}: {cause.message}" for cause in causes]
        text = listed[0] if len(listed) == 1 else "[" + ", ".join(listed) + "]"
        details: dict[str, Any] = {"name": name, "group": kind.group, "kind": kind.kind}
        if not kind.group:
            del details["group"]
        details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
        super().__init__(422, "Invalid", f'{kind.qualified_kind} "{name}" is invalid: {text}', details)
        self.causes = tuple(causes)


def object_details(kind: Kind, name: str) -> dict[str, Any]:
    """The `details` that name an object."""
    details: dict[str, Any] = {"name": name, "kind": kind.plural}
    if kind.group:
        details["group"] = kind.group
    return details


def bad_request(message: str) -> StatusError:
    """400: the request itself cannot be understood."""
    return StatusError(400, "BadRequest", message)


def forbidden(kind: Kind, name: str, why: str) -> StatusError:
    """403: understood and refused."""
    text = f'{kind.qualified} "{name}" is forbidden: {why}'
    return StatusError(403, "Forbidden", text, object_details(kind, name))
