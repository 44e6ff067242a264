"""`python -m stack.registry` runs the registry; with `list` it prints the versions that it ships with."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.common.arguments import component_parser
from stack.common.errors import StartError
from stack.common.listening import listen
from stack.common.release import RegistryRelease, release_from
from stack.registry.app import RegistryApp, RegistryMetrics
from stack.registry.database import Database
from stack.registry.layout import DATABASE, STORE
from stack.registry.limits import ClientLimit
from stack.registry.registry import Registry, furnish
from stack.registry.versions import MODEL
from stack.wire.component import GRACE_SECONDS, run, started, until_stopped
from stack.wire.server import Server


async def serve(argv: Sequence[str], environ: Mapping[str, str], log: logging.Logger) -> None:
    """Run the registry until a signal ends it."""
    parser = component_parser("registry", "Keep the model versions and say which one an alias means.", 8605)
    arguments = parser.parse_args(argv)
    release = release_from(environ, RegistryRelease)
    if not environ.get("DATA_DIR"):
        raise StartError("DATA_DIR is not set; name the folder that the registry keeps its data in")
    folder = Path(environ["DATA_DIR"])
    furnish(folder)
    database = Database.open(folder / DATABASE)
    registry = Registry(folder, database, time.time)
    app = RegistryApp(registry, RegistryMetrics(release.tag, registry), ClientLimit(release.limits.clients or None))
    server = Server(app.handle, log)
    await server.start(listen(arguments.host, arguments.port))
    log.info("release %s listens on %s:%d", release.tag, arguments.host, arguments.port)

    async def come_up() -> None:
        await started(release)
        app.started = True

    try:
        await until_stopped(come_up())
    finally:
        await server.close(GRACE_SECONDS)
        database.close()
    log.info("stopped")


def listing() -> str:
    """The shipped versions, oldest first, one a line."""
    lines = []
    with Database.reading(STORE / DATABASE) as database:
        for record in database.versions(MODEL):
            version = database.described(record)
            figures = " ".join(f"{name}={version.metrics[name]:g}" for name in ("auc", "brier", "log_loss"))
            name = f"{version.model} {version.version:<3} {','.join(record.aliases) or '-':<10}"
            lines.append(f"{name} {version.sha256[:12]} {version.trained_on} {figures}")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["list"]:
        print(listing())
        sys.exit(0)
    sys.exit(run("registry", lambda log: serve(sys.argv[1:], os.environ, log)))
