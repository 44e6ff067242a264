"""How components write their log: one line per record on standard output, UTC times."""

from __future__ import annotations

import logging
import time
from typing import TextIO


def start_log(component: str, stream: TextIO) -> logging.Logger:
    """The component's logger, writing `2026-01-05T10:00:00Z INFO text` lines to `stream`."""
    handler = logging.StreamHandler(stream)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logger = logging.getLogger(component)
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger
