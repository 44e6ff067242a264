"""The few calls that the provisioner itself makes to the API, without the weight of a client library."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls one embedded API on this machine; never by a proxy."""

    port: int
    ca_file: Path
    token: str

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """Status code and decoded JSON (None for what is no JSON).

        Raises:
            OSError: nothing answers there.
        """
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS, context=context)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
            answer = connection.getresponse()
            raw = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"no proper answer: {error}") from error
        finally:
            connection.close()
        try:
            return answer.status, json.loads(raw)
        except ValueError:
            return answer.status, None

    def healthy(self) -> bool:
        """Whether the API says that it is well."""
        try:
            return self.call("GET", "/healthz")[0] == 200
        except OSError:
            return False
