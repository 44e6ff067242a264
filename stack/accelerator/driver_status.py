"""The HTTP statuses of the driver's refusals, which both of its sides know."""

from __future__ import annotations

OUT_OF_MEMORY = 507
"""No gap of memory is long enough."""
GONE = 410
"""The context of the connection is lost."""
UNAVAILABLE = 503
"""No context is to be had."""
