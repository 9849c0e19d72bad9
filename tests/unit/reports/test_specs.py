import pytest
from django.utils import translation
from django.utils.translation import gettext

from reports.kinds import KINDS
from reports.rows import Holds
from reports.specs import CURRENCY, Format, Spec, UnknownChoice
from reports.xlsx.workbook import Summary
from tests.workbooks import write


@pytest.mark.parametrize("spec", KINDS.values(), ids=list(KINDS))
def test_a_report_can_always_be_checked(spec: Spec) -> None:
    required = {column.name: column for column in spec.columns if column.required}
    assert required[CURRENCY].holds == Holds.TEXT
    assert required[spec.headline].adds_up
    assert {column.holds for column in spec.columns if column.adds_up} <= {Holds.NUMBER, Holds.MONEY}
    assert not next(iter(required.values())).is_number  # the words of sums stand in the first column


@pytest.mark.parametrize("spec", KINDS.values(), ids=list(KINDS))
def test_names_of_columns_are_their_own(spec: Spec) -> None:
    names = [column.name for column in spec.columns]
    assert len(set(names)) == len(names)


def test_every_format_is_declared() -> None:
    assert all(one.content_type for one in Format)


def test_columns_come_in_the_reports_order_with_the_required_ones() -> None:
    names = [column.name for column in KINDS["revenue"].selected(["product", "channel"])]
    assert names == ["time", "order", "channel", "product", "quantity", "revenue", "currency"]


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(UnknownChoice, match="pin, secret"):
        KINDS["revenue"].selected(["secret", "product", "pin"])


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("spec", KINDS.values(), ids=list(KINDS))
def test_titles_in_every_language_can_name_sheets(spec: Spec, language: str) -> None:
    with translation.override(language):
        summary = Summary(gettext("Summary"), "", [])
        assert write([], table=str(spec.title), summary=summary, columns=[one.written() for one in spec.columns])
