"""What the documents point to is there."""

from __future__ import annotations

import re

from source_tree import ROOT, relative, tracked_files

LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
TARGET = re.compile(r"`make ([a-z-]+)`")


def test_links_between_documents_lead_somewhere() -> None:
    dead = [
        f"{relative(path)}: {link}"
        for path in tracked_files()
        if path.suffix == ".md"
        for link in LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / link).exists()
    ]
    assert not dead


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/decisions.md"):
        named = set(TARGET.findall((ROOT / name).read_text(encoding="utf-8")))
        assert named <= targets, name
