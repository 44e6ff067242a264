"""The note of a run: its template, written once when on_call ends."""

from __future__ import annotations

from lab.content.model import Scenario
from lab.grading.layout import TemplateFacts, template
from lab.keeper.files import RunFiles


def write_template(files: RunFiles, scenario: Scenario) -> None:
    """Write the empty note where the learner will find it; one that is there already stays."""
    if not files.note.exists():
        files.note.write_text(template(TemplateFacts(files.run_id, scenario.title, scenario.level)))
