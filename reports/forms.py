from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from reports.periods import NAMES, InvalidPeriod, Period
from reports.specs import SPECS, Format, Kind

CUSTOM: Final = "custom"
_WORDS: Final[dict[str, str | Promise]] = {
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
            yield name, _WORDS[name]
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
    format = forms.ChoiceField(label=_("Format"), choices=Format.choices, widget=forms.RadioSelect)
    columns = forms.MultipleChoiceField(
        label=_("More columns"), required=False, widget=forms.CheckboxSelectMultiple({"class": "choices"})
    )

    def __init__(self, *args: Any, kind: Kind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        spec = SPECS[kind]
        field = self.fields["columns"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(column.name, column.title) for column in spec.columns if not column.required]
        field.initial = default_columns(kind)
        self.fields["format"].initial = Format.XLSX
        self.always = [column.title for column in spec.columns if column.required]


def default_columns(kind: Kind) -> list[str]:
    """The columns that are ticked to begin with, beside those that are always there."""
    return [column.name for column in SPECS[kind].columns if column.chosen and not column.required]
