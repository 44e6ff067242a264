"""Debian's build of Alertmanager, made to run where its package is not installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from lab.cluster.programs.sources import SourceFailed

HOME = "/usr/share/prometheus/alertmanager"
"""Where Debian's build looks for the templates that its project's own build carries inside."""

_BESIDE = "template"
_PATH = re.compile(re.escape(HOME.encode()) + rb"(?!/)")
_BINARY = "alertmanager.bin"
_LAUNCHER = f"""#!/bin/sh
# The templates lie beside the program, which looks for them from the folder that it starts in.
cd -- "$(dirname -- "$(readlink -f -- "$0")")" && exec ./{_BINARY} "$@"
"""
_TRIAL = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
_TRIAL_SECONDS = 20.0
_NOWHERE = "256.0.0.1:0"


def bring_templates(tree: Path, folder: Path) -> None:
    """
    Put the templates of the unpacked package beside the program in `folder`, and point it there.

    The one path in the program's read-only data is replaced by a relative one of the same length; a launcher of the
    program's name starts it in its own folder. Builds without that path are left as they are.

    Raises:
        SourceFailed: the program is not built as expected, or does not start afterwards.
    """
    program = folder / "alertmanager"
    content = program.read_bytes()
    places = [match.start() for match in _PATH.finditer(content)]
    if len(places) > 1:
        raise SourceFailed(f"the package's program names {HOME} {len(places)} times, and once is expected")
    if places:
        _point_beside(program, content, places[0], tree)
    _try_start(program, tree.parent)


def _point_beside(program: Path, content: bytes, begin: int, tree: Path) -> None:
    """The templates into a folder beside the program, and the path at `begin` of its content replaced by that."""
    folder, end = program.parent, begin + len(HOME)
    templates = sorted((tree / HOME.lstrip("/")).glob("*.tmpl"))
    (folder / _BESIDE).mkdir()
    for template in templates:
        shutil.copyfile(template, folder / _BESIDE / template.name)
    (folder / _BINARY).write_bytes(content[:begin] + _same_length() + content[end:])
    program.write_text(_LAUNCHER, encoding="ascii")
    for made in (program, folder / _BINARY):
        made.chmod(0o755)


def _same_length() -> bytes:
    """A relative path to the templates that is as long as the one it stands for."""
    padding, odd = divmod(len(HOME) - len(_BESIDE), 2)
    return ("./" * padding + "/" * odd + _BESIDE).encode()


def _try_start(program: Path, scratch: Path) -> None:
    """It takes a configuration, templates included, and stops only for want of an address to listen at."""
    config = scratch / "trial.yml"
    config.write_text(_TRIAL, encoding="ascii")
    options = [f"--config.file={config}", f"--storage.path={scratch / 'trial'}", "--cluster.listen-address="]
    try:
        done = subprocess.run(
            [program, *options, f"--web.listen-address={_NOWHERE}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TRIAL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceFailed(f"the package's program does not start: {error}") from error
    if "256.0.0.1" not in done.stderr:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SourceFailed(f"the package's program does not start: {last}")
