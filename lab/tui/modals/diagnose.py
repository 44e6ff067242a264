"""Saying what it is: a cause from the whole vocabulary, a component, and the change that brought it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from lab.keeper.view import ChangeView, DiagnosisView
from lab.tui import form
from lab.tui.backend import CauseChoice
from lab.tui.keys import bindings
from lab.tui.modals.base import Dialog


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was said."""

    cause: str
    component: str
    change: str | None


def find_causes(causes: tuple[CauseChoice, ...], wanted: str) -> list[CauseChoice]:
    """Causes in which every word occurs; those with the words in the title or id come first."""
    words = wanted.casefold().split()

    def named(cause: CauseChoice) -> bool:
        return all(word in f"{cause.id} {cause.title}".casefold() for word in words)

    found = [
        cause
        for cause in causes
        if all(word in f"{cause.id} {cause.title} {cause.definition} {cause.family}".casefold() for word in words)
    ]
    return sorted(found, key=lambda cause: not named(cause))


class Diagnose(Dialog[Diagnosis]):
    """Search and list of causes on the left; components and changes on the right."""

    DEFAULT_CSS = """
    Diagnose #box { width: 110; height: 32; max-height: 96%; padding: 0 1; }
    Diagnose #columns { height: 1fr; }
    Diagnose #left { width: 1fr; margin-right: 2; }
    Diagnose #right { width: 44%; }
    Diagnose OptionList { height: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
    Diagnose #left, Diagnose #right { border-left: blank; padding-left: 1; }
    Diagnose #left:focus-within, Diagnose #right:focus-within { border-left: outer $accent; }
    Diagnose #components { height: auto; max-height: 7; }
    Diagnose .label { color: $accent; height: 1; }
    Diagnose #changes-label { margin-top: 1; }
    Diagnose #definition-scroll { height: 4; border-top: solid $border; }
    Diagnose #definition { height: auto; color: $muted; }
    Diagnose #saying { width: 1fr; height: 1; }
    Diagnose #foot { height: 1; }
    Diagnose #foot Button { margin-left: 2; }
    """
    BINDINGS = bindings("diagnose")

    def __init__(
        self,
        causes: tuple[CauseChoice, ...],
        components: tuple[str, ...],
        changes: tuple[ChangeView, ...],
        given: DiagnosisView | None = None,
        change: str | None = None,
    ) -> None:
        super().__init__()
        self._causes, self._components = causes, components
        self._changes = sorted(changes, key=lambda each: each.at, reverse=True)
        self._found = list(causes)
        self._given, self._first_change = given, change

    def compose(self) -> ComposeResult:
        """Two columns over a line that says what will be said."""
        with Vertical(id="box") as box:
            box.border_title = "Diagnose"
            box.border_subtitle = "the last one before the end counts"
            with Horizontal(id="columns"):
                with Vertical(id="left"):
                    yield Static("1 What is the cause?", classes="label", markup=False)
                    yield Input(placeholder=f"search {len(self._causes)} causes")
                    yield OptionList(id="causes")
                    with VerticalScroll(id="definition-scroll", can_focus=False):
                        yield Static("", id="definition", markup=False)
                with Vertical(id="right"):
                    yield Static("2 In which component?", classes="label", markup=False)
                    yield OptionList(*self._components, id="components", markup=False)
                    yield Static("3 Which change brought it?", classes="label", id="changes-label", markup=False)
                    yield OptionList(
                        Option(Content.styled("no change brought it", "italic")),
                        *(Option(_change_lines(change)) for change in self._changes),
                        id="changes-list",
                    )
            with Horizontal(id="foot"):
                yield Static("", id="saying", markup=False)
                yield Button("Diagnose", id="diagnose", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Begin where the last diagnosis ended, or at the change that was picked."""
        change = self._first_change or (self._given.change if self._given else None)
        ids = [each.id for each in self._changes]
        self._list("changes-list").highlighted = ids.index(change) + 1 if change in ids else 0
        component = self._given.component if self._given else None
        if self._first_change in ids:
            component = self._changes[ids.index(self._first_change)].component
        components = list(self._components)
        self._list("components").highlighted = components.index(component) if component in components else 0
        self._show_causes("")
        if self._given is not None:
            known = [cause.id for cause in self._causes]
            if self._given.cause in known:
                self._list("causes").highlighted = known.index(self._given.cause)
        self.query_one(Input).focus()

    def _list(self, name: str) -> OptionList:
        return self.query_one(f"#{name}", OptionList)

    def _show_causes(self, wanted: str) -> None:
        self._found = find_causes(self._causes, wanted)
        causes = self._list("causes")
        causes.clear_options()
        causes.add_options(
            Option(Content.assemble((cause.title, "bold"), "  ", (cause.id, "$muted"))) for cause in self._found
        )
        causes.highlighted = 0 if self._found else None
        self._say()

    @property
    def choice(self) -> Diagnosis | None:
        """What would be said now; None while no cause is chosen."""
        cause = self._list("causes").highlighted
        component = self._list("components").highlighted
        change = self._list("changes-list").highlighted or 0
        if cause is None or component is None or cause >= len(self._found):
            return None
        picked = self._changes[change - 1].id if change else None
        return Diagnosis(self._found[cause].id, self._components[component], picked)

    def _say(self) -> None:
        choice = self.choice
        saying, definition = self.query_one("#saying", Static), self.query_one("#definition", Static)
        if choice is None:
            saying.update("✗ no cause has all these words")
            definition.update("")
            return
        cause = self._found[self._list("causes").highlighted or 0]
        saying.update(f"→ {choice.cause} · {choice.component} · {choice.change or 'no change'}")
        definition.update(f"{cause.definition}  ({cause.family})")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as one types."""
        self._show_causes(event.value)

    def on_input_submitted(self) -> None:
        """Enter in the search goes on to the components."""
        self._list("components").focus()

    def on_option_list_option_highlighted(self) -> None:
        """Keep the line at the bottom true."""
        self._say()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter goes on to the next list, and at the last one to the button."""
        after = {"causes": "#components", "components": "#changes-list", "changes-list": "#diagnose"}
        self.query_one(after[event.option_list.id or "changes-list"]).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Say it or not."""
        if event.button.id == "diagnose":
            self.action_accept()
        else:
            self.dismiss(None)

    def action_down(self) -> None:
        """From the search to what it found."""
        if self.query_one(Input).has_focus:
            self._list("causes").focus()

    def action_accept(self) -> None:
        """Say it."""
        if (choice := self.choice) is not None:
            self.dismiss(choice)


def _change_lines(change: ChangeView) -> Content:
    head = Content.assemble(
        (change.id, "bold"),
        "  ",
        change.component,
        (f"  {form.time_of_day(change.at)}", "$muted"),
    )
    return Content("\n").join([head, Content.styled(f"  {change.who}: {change.message or change.what}", "$muted")])
