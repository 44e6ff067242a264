"""Which versions the registry starts with: what each was trained on, by which recipe, by whom and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from stack.trainer.recipes import Recipe

MODEL = "flight-risk"
EXPERIMENT = "flight-risk"
SEED = 20
VALIDATION_SHARE = 0.1
"""Share of a slice's flights, drawn by the seed, that is kept from fitting and measured on."""

ALIASES = {"champion": "2", "challenger": "3"}
DESCRIPTION = "Probability that a flight lands 15 minutes late or more, scored at push-back."


class RouteGain(StrEnum):
    """Where the feature `r_gain` of the training rows comes from."""

    LIVE = "live aggregate, flights landed before push-back"
    WAREHOUSE = "warehouse route table, last refresh"


@dataclass(frozen=True, slots=True)
class PlannedVersion:
    """One version before it is trained."""

    version: str
    recipe: Recipe
    first: tuple[int, int]
    """First (month, day) of 2013 that is trained on."""
    last: tuple[int, int]
    route_gain: RouteGain
    by: str
    trained_at: datetime
    description: str

    @property
    def trained_on(self) -> str:
        """The slice as a run states it."""
        return "2013-{:02d}-{:02d} to 2013-{:02d}-{:02d}".format(*self.first, *self.last)


PLAN = (
    PlannedVersion(
        "1", Recipe.LOGISTIC, (1, 1), (3, 31), RouteGain.LIVE, "mei", datetime(2026, 7, 6, 9, 12, tzinfo=UTC),
        "The first quarter, to have something to compare with.",
    ),
    PlannedVersion(
        "2", Recipe.LOGISTIC, (1, 1), (5, 31), RouteGain.LIVE, "mei", datetime(2026, 9, 7, 14, 3, tzinfo=UTC),
        "Two more months; better in every figure than version 1.",
    ),
    PlannedVersion(
        "3", Recipe.BOOSTED, (1, 1), (5, 31), RouteGain.LIVE, "jonas", datetime(2026, 10, 12, 10, 41, tzinfo=UTC),
        "Boosted trees on the flights of version 2: a little better, and much less sensitive to units.",
    ),
    PlannedVersion(
        "4", Recipe.BOOSTED, (5, 24), (5, 31), RouteGain.LIVE, "jonas", datetime(2026, 11, 2, 8, 30, tzinfo=UTC),
        "The newest flights only: what happened in winter says little about the summer to come.",
    ),
    PlannedVersion(
        "5", Recipe.BOOSTED, (1, 1), (5, 31), RouteGain.WAREHOUSE, "sara", datetime(2026, 11, 9, 16, 55, tzinfo=UTC),
        "r_gain joined from the warehouse's route table, so that training needs no replay of the live aggregate.",
    ),
)  # fmt: skip
"""Every version, oldest first."""
