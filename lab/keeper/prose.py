"""The sections of a note that are the same kind of text in every run: those of the later levels, and of quiet runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.content.causes import NO_FAULT
from lab.grading.layout import Action, NoteFields, render
from lab.keeper.view import ChangeView


def later_sections(component: str, alert: str, bad_share: float, changes: Sequence[ChangeView]) -> Mapping[str, str]:
    """Impact, timeline, detection and lessons; `bad_share` is the share of requests that were not good, 0 to 1."""
    seen = "; ".join(f"{one.id} changed {one.component} ({one.what})" for one in reversed(changes)) or "nothing changed"
    return {
        "Impact": f"About {100 * bad_share:.0f} % of the scoring requests in that time were not answered as promised.",
        "Timeline": f"In order: {seen}. Then {alert or 'the figures'} showed it, and what is told below was done.",
        "Detection": f"It was noticed by {alert or 'looking at the plots'}; an alert on {component} itself is sooner.",
        "What went well": "The figures of each component stood beside the list of changes, so the search was short.",
        "What went poorly": f"Nothing compared the new state of {component} with the old one before everybody had it.",
        "Where we got lucky": "It happened at a time when somebody was looking, and there was an earlier good state.",
    }


def quiet_note(run_id: str, alert: str, evidence: Sequence[str]) -> str:
    """A complete note of a run in which nothing was wrong; `evidence` names the metrics that were looked at."""
    looked = ", ".join(evidence) or "the golden signals"
    noticed = f"The alert {alert} drew the eye" if alert else "A question was asked"
    todo = "Look at what drew the eye here, and let it say sooner that all is well"
    return render(
        NoteFields(
            incident=run_id,
            root_cause=NO_FAULT,
            actions=(Action(todo, "detect", "on-call lead", "3 weeks", NO_FAULT),),
            sections={
                "Summary": f"{noticed}, and every figure that callers feel stayed where it always is.",
                "Impact": "None that could be measured: requests were answered as on any other day.",
                "Timeline": "Somebody looked, compared now with before, found no difference, and left things alone.",
                "Root cause and trigger": f"There is none to name: {looked} moved within their usual noise.",
                "Detection": f"By comparing {looked} of the last minutes with the time before.",
                "Mitigation": "None was needed, so none was made; a change would have been the only risk.",
                "What went well": "Nobody rolled anything back on suspicion alone.",
                "What went poorly": "It took a person to see that what looked odd was harmless.",
                "Where we got lucky": "No real trouble came at the same moment to hide behind this.",
                "Actions": "The one above makes the next look at such a thing shorter.",
            },
        )
    )
