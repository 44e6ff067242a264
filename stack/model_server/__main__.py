"""Entry point of the model server."""

from __future__ import annotations

import os
import sys

from stack.common.errors import StartError
from stack.common.logs import start_log
from stack.model_server.program import COMPONENT, main

if __name__ == "__main__":
    log = start_log(COMPONENT, sys.stdout)
    try:
        sys.exit(main(sys.argv[1:], os.environ, log))
    except StartError as error:
        log.error("%s", error)
        sys.exit(1)
