"""What a killed worker has finished, its successor takes over, as far as it is still true."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import services as jobs
from jobs.task import LeaseLost
from reports import building, parts, retention
from reports.models import Report
from reports.xlsx.workbook import Workbook
from shop.orders.models import Channel, OrderLine
from tests.factories.orders import OrderLineFactory
from tests.integration.reports.conftest import AT_NOON, YEAR_2025, Worker, rows_of, stop_at, stored


def written_rows(monkeypatch) -> list[int]:
    """Rows of each part that is written from now on."""
    written = []
    real = Workbook.part

    def count(self, number, lines, before):
        batches = list(lines)
        written.append(sum(map(len, batches)))
        return real(self, number, batches, before)

    monkeypatch.setattr(Workbook, "part", count)
    return written


@pytest.mark.usefixtures("small_parts")
class TestParts:
    def stopped(self, ask):
        """A report of which three parts of six rows are there."""
        report = ask()
        with pytest.raises(LeaseLost):
            building.build(report.pk, run=Worker(at_step=stop_at(21, LeaseLost())))
        assert [part.rows for part in report.parts.order_by("number")] == [6, 6, 6]
        return report

    def finished(self, report):
        building.build(report.pk, run=Worker(attempt=2))
        return Report.objects.get(pk=report.pk)

    def test_finished_parts_are_not_written_again(self, lines, ask, make, storage, monkeypatch):
        report = self.stopped(ask)
        written = written_rows(monkeypatch)
        report = self.finished(report)
        assert written == [6, 1]
        assert rows_of(report) == rows_of(make(columns=report.columns, period=YEAR_2025))
        assert report.row_count == 25
        assert report.file_key in stored(storage)
        assert not report.parts.exists()

    def test_from_the_first_change_on_everything_is_written_anew(self, lines, ask, storage, monkeypatch):
        report = self.stopped(ask)
        OrderLine.objects.filter(pk=lines[8].pk).update(name="another name")
        written = written_rows(monkeypatch)
        report = self.finished(report)
        assert written == [6, 6, 6, 1]
        assert rows_of(report)[8]["Product"] == "another name"
        assert stored(storage) == [report.file_key]

    def test_a_row_more_before_the_end_of_a_part_moves_all_that_follow(self, lines, ask, storage, monkeypatch):
        report = self.stopped(ask)
        OrderLineFactory(order=lines[0].order, position=700, placed_at=AT_NOON - timedelta(hours=1), name="first")
        written = written_rows(monkeypatch)
        report = self.finished(report)
        assert written == [6, 6, 6, 6, 2]
        assert report.row_count == 26
        assert rows_of(report)[0]["Product"] == "first"

    def test_a_name_that_changed_in_another_table_is_not_mixed(self, lines, ask, monkeypatch):
        report = self.stopped(ask)
        Channel.objects.update(name="Another channel")
        assert {row["Channel"] for row in rows_of(self.finished(report))} == {"Another channel"}

    def test_parts_written_by_another_release_are_not_taken_over(self, lines, ask, monkeypatch):
        report = self.stopped(ask)
        monkeypatch.setattr(Workbook, "signature", b"another way to write")
        written = written_rows(monkeypatch)
        assert self.finished(report).row_count == 25
        assert written == [6, 6, 6, 6, 1]

    def test_the_sweep_discards_parts_of_reports_that_are_over(self, lines, ask, storage):
        report = self.stopped(ask)
        assert retention.sweep(timezone.now())["parts"] == 0
        jobs.cancel(report.job)
        assert retention.sweep(timezone.now())["parts"] == 1
        assert stored(storage) == []

    def test_a_part_that_is_being_discarded_is_never_named_and_gone(self, lines, ask, storage, monkeypatch):
        report = self.stopped(ask)
        monkeypatch.setattr("jobs.adapters.storage.delete", lambda _key: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):  # as a kill would, between the two
            parts.discard(report)
        monkeypatch.undo()
        assert set(report.parts.values_list("file_key", flat=True)) < set(stored(storage))
        assert self.finished(report).row_count == 25

    def test_a_part_that_the_storage_has_lost_costs_one_attempt(self, lines, ask, storage):
        report = self.stopped(ask)
        (storage / report.parts.first().file_key).unlink()
        with pytest.raises(FileNotFoundError):
            self.finished(report)
        assert stored(storage) == []
        assert self.finished(report).row_count == 25

    def test_a_part_that_nobody_wrote_down_is_swept(self, lines, ask, storage):
        def lose():
            raise LeaseLost

        with pytest.raises(LeaseLost):
            building.build(ask().pk, run=Worker(before_hold=lose))
        assert len(stored(storage)) == 1
        assert retention.sweep(timezone.now())["leftovers"] == 0
        assert retention.sweep(timezone.now() + retention.LEFTOVER_AGE + timedelta(minutes=1))["leftovers"] == 1
        assert stored(storage) == []
