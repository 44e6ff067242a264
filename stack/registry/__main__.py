"""`python -m stack.registry list`: the registered versions, oldest first, with their aliases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from stack.common.errors import StartError
from stack.registry.versions import read_catalogue


def main(argv: Sequence[str]) -> int:
    """Print one line per version; 1 when the list cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m stack.registry", description="The registered model versions.")
    parser.add_subparsers(dest="verb", required=True).add_parser("list", help="one line per version")
    parser.parse_args(argv)
    try:
        catalogue = read_catalogue()
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    for version in catalogue.versions:
        aliases = ",".join(sorted(alias for alias, name in catalogue.aliases.items() if name == version.version))
        figures = " ".join(f"{name}={value:g}" for name, value in version.metrics.items())
        name = f"{version.model} {version.version:<3} {aliases or '-':<10}"
        print(f"{name} {version.sha256[:12]} {version.trained_on} {figures}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
