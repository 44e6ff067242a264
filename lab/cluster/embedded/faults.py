"""What is wrong with an object, field by field, in the words of Kubernetes' validation."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from lab.cluster.embedded.kinds import Kind
from lab.cluster.embedded.status import Cause, Invalid

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS_LABEL = re.compile(_LABEL)
DNS_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{DNS_LABEL.pattern}')"
)
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{DNS_SUBDOMAIN.pattern}')"
)
DNS_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{DNS_1035.pattern}')"
)
LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
QUALIFIED_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    f"'{_QUALIFIED.pattern}')"
)


class Faults:
    """Collects the causes of one refusal."""

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    def required(self, path: str, why: str = "") -> None:
        self._add("FieldValueRequired", path, "Required value" + (f": {why}" if why else ""))

    def invalid(self, path: str, value: Any, why: str) -> None:
        self._add("FieldValueInvalid", path, f"Invalid value: {_shown(value)}: {why}")

    def unsupported(self, path: str, value: Any, accepted: Collection[str]) -> None:
        listed = ", ".join(f'"{item}"' for item in sorted(accepted))
        self._add("FieldValueNotSupported", path, f"Unsupported value: {_shown(value)}: supported values: {listed}")

    def duplicate(self, path: str, value: Any) -> None:
        self._add("FieldValueDuplicate", path, f"Duplicate value: {_shown(value)}")

    def not_found(self, path: str, value: Any) -> None:
        self._add("FieldValueNotFound", path, f"Not found: {_shown(value)}")

    def forbidden(self, path: str, why: str) -> None:
        self._add("FieldValueForbidden", path, f"Forbidden: {why}")

    def not_negative(self, path: str, value: Any) -> None:
        """A fault if a number is given and below zero."""
        if isinstance(value, int) and value < 0:
            self.invalid(path, value, "must be greater than or equal to 0")

    def label(self, path: str, value: str) -> None:
        """A fault unless `value` is a lower-case RFC 1123 label of at most 63 characters."""
        self._name(path, value, DNS_LABEL, LABEL_TEXT, 63)

    def subdomain(self, path: str, value: str) -> None:
        """A fault unless `value` is a lower-case RFC 1123 subdomain of at most 253 characters."""
        self._name(path, value, DNS_SUBDOMAIN, SUBDOMAIN_TEXT, 253)

    def service_name(self, path: str, value: str) -> None:
        """A fault unless `value` is an RFC 1035 label."""
        self._name(path, value, DNS_1035, DNS_1035_TEXT, 63)

    def labels(self, path: str, labels: dict[str, str]) -> None:
        """Faults for keys and values that are no labels."""
        for key, value in labels.items():
            self.qualified_name(path, key)
            if value and (len(value) > 63 or not _QUALIFIED.fullmatch(value)):
                self.invalid(path, value, LABEL_VALUE_TEXT)

    def qualified_name(self, path: str, key: str) -> None:
        """A fault unless `key` is `[prefix/]name` as labels and annotations want it."""
        prefix, slash, name = key.rpartition("/")
        if slash and not DNS_SUBDOMAIN.fullmatch(prefix):
            self.invalid(path, key, f"prefix part {SUBDOMAIN_TEXT}")
        if len(name) > 63 or not _QUALIFIED.fullmatch(name):
            self.invalid(path, key, QUALIFIED_TEXT)

    def raise_if_any(self, kind: Kind, name: str) -> None:
        """Refuse the object if anything is wrong.

        Raises:
            Invalid: with every cause collected.
        """
        if self.causes:
            raise Invalid(kind, name, self.causes)

    def _name(self, path: str, value: str, pattern: re.Pattern[str], text: str, longest: int) -> None:
        if len(value) > longest:
            self.invalid(path, value, f"must be no more than {longest} characters")
        elif not pattern.fullmatch(value):
            self.invalid(path, value, text)

    def _add(self, reason: str, path: str, message: str) -> None:
        self.causes.append(Cause(reason, path, message))


def _shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
