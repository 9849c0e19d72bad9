import pytest
from django.utils import translation
from django.utils.translation import gettext

from reports.rows import Holds
from reports.specs import SPECS, Format, Kind, Spec, UnknownColumn
from reports.xlsx.workbook import Summary
from tests.workbooks import write


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_a_report_can_always_be_checked(spec: Spec) -> None:
    required = {column.name: column for column in spec.columns if column.required}
    assert {spec.key, *spec.sums} <= required.keys()
    assert required[spec.key].holds == Holds.TEXT
    assert {required[name].holds for name in spec.sums} <= {Holds.NUMBER, Holds.MONEY}


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_names_of_columns_are_their_own(spec: Spec) -> None:
    names = [column.name for column in spec.columns]
    assert len(set(names)) == len(names)


def test_every_kind_and_format_is_declared() -> None:
    assert set(SPECS) == set(Kind)
    assert all(one.content_type for one in Format)


def test_columns_come_in_the_reports_order_with_the_required_ones() -> None:
    names = [column.name for column in SPECS[Kind.REVENUE].selected(["product", "channel"])]
    assert names == ["time", "order", "channel", "product", "quantity", "revenue", "currency"]


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(UnknownColumn, match="pin, secret"):
        SPECS[Kind.REVENUE].selected(["secret", "product", "pin"])


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_titles_in_every_language_can_name_sheets(spec: Spec, language: str) -> None:
    with translation.override(language):
        summary = Summary(gettext("Summary"), "", [])
        assert write([], table=str(spec.title), summary=summary, columns=[one.written() for one in spec.columns])
