"""Arranges what was typed for the templates: which field shows what, which problem links where, who gets the focus.

Pure. The order of `INPUTS` is the order on the page, of the summary and of the focus.
"""

from collections.abc import Mapping, Sequence

import msgspec

from ingest.pages.views import Typed
from registration.applicant import CONFIRMABLE

_CONFIRM = "confirm"


class Input(msgspec.Struct, frozen=True):
    """One input of the form and its fixed attributes (phones choose keyboard and suggestions by them)."""

    name: str
    attributes: Mapping[str, str]


INPUTS = (
    Input("name", {"type": "text", "autocomplete": "name", "autocapitalize": "words", "spellcheck": "false"}),
    Input("birth_place", {"type": "text", "autocapitalize": "words", "spellcheck": "false"}),
    Input("birth_date", {"type": "date", "autocomplete": "bday"}),
    # Longer than a NIK: a pasted number may hold spaces or dots, and a browser would cut off its end without a word.
    Input("nik", {"type": "text", "inputmode": "numeric", "autocomplete": "off", "maxlength": "40"}),
    Input("email", {"type": "email", "autocomplete": "email"}),
    Input("phone", {"type": "tel", "autocomplete": "tel"}),
)
_INPUT_OF = {given.name: given for given in INPUTS}


class Field(msgspec.Struct, frozen=True):
    """One input as shown this time; `problems` are its messages."""

    name: str
    attributes: Mapping[str, str]
    value: str
    problems: tuple[str, ...]
    focus: bool


class SummaryLine(msgspec.Struct, frozen=True):
    """One line above the form; `target` names the field to link to, None for a problem of no visible field."""

    target: str | None
    message: str


class FormLayout(msgspec.Struct, frozen=True):
    """All that the template needs; `confirm_codes` are the statements to offer beside the NIK."""

    fields: tuple[Field, ...]
    confirm_codes: tuple[str, ...]
    confirm_problems: tuple[str, ...]
    summary: tuple[SummaryLine, ...]


def arrange(view: Typed, only: Sequence[str] = ()) -> FormLayout:
    """Lay out the form with every problem of every field at once; `only` some of its inputs, in that order."""
    inputs = [_INPUT_OF[name] for name in only] or INPUTS
    problems = {name: tuple(e.message for e in view.errors if e.field == name) for name in (*_INPUT_OF, _CONFIRM)}
    first_wrong = next((given.name for given in inputs if problems[given.name]), None)
    found = view.confirmed | {error.code for error in view.errors}
    return FormLayout(
        fields=tuple(
            Field(
                name=given.name,
                attributes=given.attributes,
                value=view.values.get(given.name, ""),
                problems=problems[given.name],
                focus=given.name == first_wrong,
            )
            for given in inputs
        ),
        confirm_codes=tuple(code for code in sorted(CONFIRMABLE) if code in found),
        confirm_problems=problems[_CONFIRM],
        summary=_summary(view),
    )


def _summary(view: Typed) -> tuple[SummaryLine, ...]:
    """The problems in the order of the page, and last those that belong to no field shown."""
    order = [given.name for given in INPUTS]
    order.insert(order.index("nik") + 1, _CONFIRM)
    placed = sorted((e for e in view.errors if e.field in order), key=lambda error: order.index(error.field))
    rest = [e for e in view.errors if e.field not in order]
    return (
        *(SummaryLine(error.field, error.message) for error in placed),
        *(SummaryLine(None, error.message) for error in rest),
    )
