"""Why the registry does not do what it was asked, in the words and codes of MLflow's interface."""

from __future__ import annotations

from stack.wire.server import Response, json_response


class Refusal(Exception):
    """An HTTP status, MLflow's name of the error, and one sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def response(self) -> Response:
        """The answer that says so."""
        return json_response({"error_code": self.code, "message": str(self)}, self.status)


def missing(message: str) -> Refusal:
    """What was asked for is not there."""
    return Refusal(404, "RESOURCE_DOES_NOT_EXIST", message)


def invalid(message: str) -> Refusal:
    """A parameter is missing or wrong."""
    return Refusal(400, "INVALID_PARAMETER_VALUE", message)


def kept(message: str) -> Refusal:
    """What is registered stays: the history is append-only."""
    return Refusal(403, "PERMISSION_DENIED", message)
