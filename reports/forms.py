from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from reports import queries
from reports.choice import Choice
from reports.periods import NAMES, InvalidPeriod, Period
from reports.recurrence import Every, Recurrence
from reports.specs import Format, Spec
from shop.accounts.models import User

CUSTOM: Final = "custom"
PERIOD_WORDS: Final[dict[str, str | Promise]] = {
    "last_year": _("Last year"),
    "this_year": _("This year so far"),
    "last_quarter": _("Last quarter"),
    "this_quarter": _("This quarter so far"),
    "last_month": _("Last month"),
    "this_month": _("This month so far"),
}
#: Years before the last one that can be named; for older ones there are dates.
_YEARS: Final = 20


class PeriodForm(forms.Form):
    """A span of days: one with a name, a year that the shop has sold in, or two dates.

    Once valid, ``cleaned_data["span"]`` is the Period.
    """

    # The two days are shown, and asked for, only where no period with a name is chosen.
    use_required_attribute = False

    period = forms.ChoiceField(label=_("Period"))
    first_day = forms.DateField(
        label=_("From"),
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        error_messages={"required": _("Choose a day.")},
    )
    last_day = forms.DateField(
        label=_("To, this day included"),
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        error_messages={"required": _("Choose a day.")},
    )

    def __init__(self, *args: Any, today: date, years_sold: tuple[int, int] | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today = today
        field = self.fields["period"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(self._choices(years_sold))

    def _choices(self, years_sold: tuple[int, int] | None) -> Iterator[tuple[str, str | Promise]]:
        for name in NAMES:
            yield name, PERIOD_WORDS[name]
        if years_sold is not None:
            first, last = years_sold
            newest = min(last, self._today.year - 2)
            for year in range(newest, max(first, newest - _YEARS) - 1, -1):
                yield f"{year}", f"{year}"
        yield CUSTOM, _("Other days …")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        chosen = cleaned.get("period")
        if chosen == CUSTOM:
            self._clean_days(cleaned)
            return cleaned
        for name in ("first_day", "last_day"):
            self.errors.pop(name, None)
        if chosen in NAMES:
            cleaned["span"] = Period.named(chosen, today=self._today)
        elif chosen:
            cleaned["span"] = Period.year(int(chosen))
        return cleaned

    def _clean_days(self, cleaned: dict[str, Any]) -> None:
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first is None or last is None:
            return  # said beside the field
        try:
            cleaned["span"] = Period(first, last)
        except InvalidPeriod:
            self.add_error("last_day", _("The last day is before the first one. Choose a later day."))


class ReportForm(PeriodForm):
    """What a report of one kind is to hold, as ``person`` may have it."""

    format = forms.ChoiceField(label=_("Format"), choices=Format.choices, initial=Format.XLSX, widget=forms.RadioSelect)
    columns = forms.MultipleChoiceField(
        label=_("More columns"), required=False, widget=forms.CheckboxSelectMultiple({"class": "choices"})
    )
    order = forms.ChoiceField(label=_("In order of"), required=False)

    def __init__(self, *args: Any, spec: Spec, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spec = spec
        personal = queries.may_have_personal_data(person)
        columns = [column for column in spec.columns if personal or not column.personal]
        _set_choices(self.fields["columns"], [(one.name, one.title) for one in columns if not one.required])
        self.fields["columns"].initial = default_columns(spec)
        orders = [order for column in columns for order in column.orders.items()]
        _set_choices(self.fields["order"], [("", _("As they come")), *orders])
        self.always = [column.title for column in columns if column.required]
        for one in spec.filters:
            self.fields[f"{_FILTER}{one.name}"] = forms.MultipleChoiceField(
                label=str(one.title),
                required=False,
                choices=one.choices(),
                widget=forms.CheckboxSelectMultiple({"class": "choices"}),
            )

    @property
    def filter_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(_FILTER)]

    @property
    def some_filtered(self) -> bool:
        return any(field.value() for field in self.filter_fields)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        wanted = cleaned.get("order", "").removeprefix("-")
        if wanted and wanted not in {column.name for column in self.spec.selected(cleaned.get("columns", []))}:
            self.add_error("order", _("Tick this column above too, or choose another one."))
        return cleaned

    @property
    def choice(self) -> Choice:
        """What is chosen, as far as it is valid."""
        chosen = self.cleaned_data
        filters = {one.name: chosen.get(f"{_FILTER}{one.name}", []) for one in self.spec.filters}
        return Choice(
            self.spec.name,
            Format(chosen.get("format", Format.XLSX)),
            chosen.get("columns", []),
            filters,
            chosen.get("order", ""),
        )


_FILTER: Final = "filter_"


def _set_choices(field: forms.Field, choices: Sequence[tuple[str, str | Promise]]) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = list(choices)


def default_columns(spec: Spec) -> list[str]:
    """The columns that are ticked to begin with, beside those that are always there."""
    return [column.name for column in spec.columns if column.chosen and not column.required]


class SavedForm(forms.Form):
    """A saved report's name, and when it comes."""

    name = forms.CharField(label=_("Name"), max_length=100)
    period = forms.ChoiceField(label=_("Period"), choices=[(name, PERIOD_WORDS[name]) for name in NAMES])
    every = forms.ChoiceField(label=_("How often"), choices=Every.choices, initial=Every.NEVER)
    weekday = forms.TypedChoiceField(label=_("On"), choices=list(WEEKDAYS.items()), coerce=int, initial=0)
    day = forms.IntegerField(
        label=_("On day"),
        min_value=1,
        max_value=31,
        initial=1,
        help_text=_("Where a month is shorter, on its last day."),
    )
    hour = forms.TypedChoiceField(
        label=_("At"), choices=[(hour, f"{hour:02}:00") for hour in range(24)], coerce=int, initial=7
    )
    by_mail = forms.BooleanField(label=_("Send me the link by e-mail"), required=False, initial=True)

    @property
    def recurrence(self) -> Recurrence:
        chosen = self.cleaned_data
        return Recurrence(Every(chosen["every"]), chosen["weekday"], chosen["day"], chosen["hour"])
