"""Entry point of the trainer."""

from __future__ import annotations

import sys

from stack.trainer.program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], print))
