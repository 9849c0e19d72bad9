import re
from datetime import timedelta

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from jobs import services as jobs
from jobs.adapters.storage import Away
from jobs.models import Job
from jobs.services import NotAllowed
from reports import building, queries, retention, services
from reports.building import KEEP
from reports.models import Report, ReportDownload, State
from reports.periods import Period
from reports.specs import UnknownChoice
from shop.accounts.models import Role
from tests.factories.orders import OrderFactory, OrderLineFactory
from tests.factories.people import PersonFactory
from tests.integration.reports.conftest import AT_NOON, YEAR_2025, Worker, content_of, stored


@pytest.fixture
def report(ask, work):
    OrderLineFactory(order=OrderFactory(placed_at=AT_NOON))
    waiting = ask(language="vi")
    assert work() == ["succeeded"]
    return Report.objects.select_related("job", "owner").get(pk=waiting.pk)


@pytest.fixture
def as_owner(client, owner):
    client.force_login(owner)
    return client


def download_page(report):
    return reverse("reports:download", kwargs={"code": report.shown_code})


def as_text(response, code):
    """A page without what differs from request to request: the code that was asked for, tokens, the trace id."""
    page = response.content.decode().replace(code, "CODE")
    return re.sub(r'(csrfmiddlewaretoken" value="|<code>|data-copy=")[^"<]*', r"\1", page)


def body(response):
    return b"".join(response.streaming_content)


# --- asking ----------------------------------------------------------------------------------------------------------


def test_the_same_request_while_the_first_is_made_is_the_first(ask):
    first = ask()
    assert ask().pk == first.pk
    assert Report.objects.count() == Job.objects.count() == 1


@pytest.mark.parametrize(
    "different",
    [
        {"columns": ["product"]},
        {"language": "vi"},
        {"period": Period(YEAR_2025.first, YEAR_2025.first)},
    ],
)
def test_another_request_is_another_report(ask, different):
    assert ask().pk != ask(**different).pk


def test_another_owner_gets_a_report_of_their_own(ask):
    first, second = ask(), ask(by=PersonFactory(owner=True))
    assert first.pk != second.pk
    assert first.code != second.code


def test_a_finished_report_can_be_made_again_with_the_figures_of_now(report):
    OrderLineFactory(order=OrderFactory(placed_at=AT_NOON))
    again = services.request_again(report=report, now=timezone.now())
    assert again.pk != report.pk
    building.build(again.pk, run=Worker())
    again.refresh_from_db()
    assert (report.row_count, again.row_count) == (1, 2)


def test_who_is_not_an_owner_gets_no_report_and_no_job(ask):
    with pytest.raises(NotAllowed):
        ask(by=PersonFactory())
    assert Job.objects.count() == 0


def test_a_column_that_there_is_not_is_refused(ask):
    with pytest.raises(UnknownChoice, match="password"):
        ask(columns=["password"])


def test_code_and_key_tell_nothing_of_each_other(report):
    assert report.code not in report.file_key
    assert report.code == report.job.code


# --- downloading -----------------------------------------------------------------------------------------------------


def test_the_owner_gets_the_file_under_its_name_and_it_is_written_down(as_owner, owner, report):
    before = timezone.now()
    response = as_owner.get(download_page(report), REMOTE_ADDR="203.0.113.9")
    assert response.status_code == 302
    response = as_owner.get(response["Location"])
    assert response.status_code == 200
    assert body(response) == content_of(report)
    assert int(response["Content-Length"]) == report.size
    assert response["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]
    disposition = response["Content-Disposition"]
    assert disposition.startswith("attachment; filename*=utf-8''")
    assert disposition.endswith("2025-01-01%20%E2%80%93%202025-12-31.xlsx")
    (download,) = ReportDownload.objects.all()
    assert (download.report, download.person, download.address) == (report, owner, "203.0.113.9")
    assert before <= download.at <= timezone.now()


def test_somebody_elses_code_looks_exactly_like_an_unknown_one(client, report):
    client.force_login(PersonFactory(owner=True))
    for name in ("detail", "live", "download", "cancel"):
        foreign, unknown = (
            client.get(reverse(f"reports:{name}", kwargs={"code": code}))
            for code in (report.shown_code, "0000-0000-0000")
        )
        assert foreign.status_code == unknown.status_code == 404
        assert as_text(foreign, report.shown_code) == as_text(unknown, "0000-0000-0000")
    foreign = client.post(reverse("reports:again", kwargs={"code": report.shown_code}))
    assert foreign.status_code == 404
    assert ReportDownload.objects.count() == 0


def test_an_operator_does_not_get_the_owners_file(client, report):
    client.force_login(PersonFactory(owner=True, roles=[Role.OPERATOR, Role.OWNER], is_staff=True))
    assert client.get(download_page(report)).status_code == 404


def test_the_link_to_the_file_is_worth_nothing_to_anybody_else(as_owner, client, report):
    link = as_owner.get(download_page(report))["Location"]
    client.logout()
    anonymous = client.get(link)
    assert anonymous.status_code == 302
    assert anonymous["Location"].startswith(reverse("web:sign_in"))
    client.force_login(PersonFactory(owner=True))
    assert client.get(link).status_code == 404


@pytest.mark.parametrize(
    "change", [lambda link: link[:-2] + "x/", lambda link: link.replace(":", "", 1), lambda _link: "/reports/file/abc/"]
)
def test_a_link_that_was_tampered_with_leads_nowhere(as_owner, report, change):
    link = as_owner.get(download_page(report))["Location"]
    assert as_owner.get(change(link)).status_code == 404


def test_the_link_lapses_after_five_minutes(as_owner, report):
    link = as_owner.get(download_page(report))["Location"]
    with time_machine.travel(timezone.now() + timedelta(seconds=services.LINK_SECONDS + 2), tick=False):
        response = as_owner.get(link)
    assert response.status_code == 410
    assert reverse("reports:list") in response.content.decode()


def test_who_is_no_longer_an_owner_is_refused_at_the_page_and_at_the_link(as_owner, owner, report):
    link = as_owner.get(download_page(report))["Location"]
    owner.roles = [Role.SHOPPER]
    owner.save()
    assert as_owner.get(link).status_code == 403
    assert as_owner.get(download_page(report)).status_code == 403
    with pytest.raises(Report.DoesNotExist):
        services.open_download(report=report, viewer=owner, address=None, now=timezone.now())
    assert queries.by_code(report.code, viewer=owner) is None
    assert ReportDownload.objects.count() == 1


def test_the_service_itself_refuses_another_person(report):
    with pytest.raises(Report.DoesNotExist):
        services.open_download(report=report, viewer=PersonFactory(owner=True), address=None, now=timezone.now())
    assert ReportDownload.objects.count() == 0


def test_before_there_is_a_file_the_download_leads_back_to_the_report(as_owner, ask):
    waiting = ask()
    response = as_owner.get(download_page(waiting))
    assert (response.status_code, response["Location"]) == (302, waiting.get_absolute_url())


def test_an_expired_report_says_so_and_offers_to_make_it_again(as_owner, report):
    later = report.expires_at + timedelta(seconds=1)
    with time_machine.travel(later, tick=False):  # the sweep has not come by yet
        response = as_owner.get(download_page(report))
        page = as_owner.get(report.get_absolute_url())
    again = reverse("reports:again", kwargs={"code": report.shown_code})
    assert response.status_code == 410
    assert again in response.content.decode()
    assert again in page.content.decode()
    assert download_page(report) not in page.content.decode()
    assert ReportDownload.objects.count() == 0


def test_a_file_lost_from_storage_is_not_a_server_error(as_owner, report):
    link = as_owner.get(download_page(report))["Location"]
    default_storage.delete(report.file_key)
    assert as_owner.get(link).status_code == 410


def test_a_bucket_hands_the_file_out_itself_for_five_minutes(report, owner, settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": "shop",
                "endpoint_url": "http://127.0.0.1:9",
                "region_name": "us-east-1",
                "addressing_style": "path",
                "signature_version": "s3v4",
                "access_key": "key",
                "secret_key": "secret",
            },
        },
    }
    link = services.open_download(report=report, viewer=owner, address="2001:db8::1", now=timezone.now())
    assert link.startswith(f"http://127.0.0.1:9/shop/{report.file_key}?")
    assert "X-Amz-Expires=300" in link
    assert "response-content-disposition=attachment" in link
    assert "response-content-type=application" in link
    assert "X-Amz-Signature=" in link
    assert ReportDownload.objects.get().address == "2001:db8::1"


# --- with time -------------------------------------------------------------------------------------------------------


def test_states_read_from_a_row_and_found_by_the_database_agree(ask, make):
    OrderLineFactory(order=OrderFactory(placed_at=AT_NOON))
    made = {"ready": make(columns=[])}
    made["expired"] = make(columns=["sku"])
    Report.objects.filter(pk=made["expired"].pk).update(expires_at=timezone.now() - timedelta(days=1))
    retention.expire(timezone.now())
    for column, state in (
        ("product", "requested"),
        ("channel", "building"),
        ("region", "failed"),
        ("number", "cancelled"),
    ):
        made[state] = ask(columns=[column])
    now = timezone.now()
    Job.objects.filter(pk=made["building"].job_id).update(state="running", turn=None, lease_until=now, started_at=now)
    Job.objects.filter(pk=made["failed"].job_id).update(state="failed", turn=None, finished_at=now)
    jobs.cancel(made["cancelled"].job)
    for state in State:
        (found,) = Report.objects.filter(state.condition_at(now))
        assert found.pk == made[state].pk
        assert found.state_at(now) == state


def test_after_seven_days_the_file_is_deleted_and_the_row_stays(report, storage):
    assert report.expires_at == report.ready_at + KEEP
    assert retention.expire(report.expires_at - timedelta(seconds=1)) == 0
    assert stored(storage) == [report.file_key]
    assert retention.expire(report.expires_at) == 1
    assert stored(storage) == []
    report.refresh_from_db()
    assert (report.file_key, report.row_count, report.state_at(timezone.now())) == ("", 1, State.EXPIRED)


def test_a_sweep_that_was_cut_off_after_marking_is_finished_by_the_next(report, storage, monkeypatch):
    class Killed(Exception):
        pass

    def die(_key):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("jobs.adapters.storage.delete", die)
        with pytest.raises(Killed):
            retention.expire(report.expires_at)
    assert stored(storage) == [report.file_key]
    retention.expire(report.expires_at)
    assert stored(storage) == []


def test_rows_go_after_a_year_and_unmade_ones_with_their_job(report, ask):
    unmade = ask(columns=["sku"])
    jobs.cancel(unmade.job)
    retention.expire(report.expires_at)
    assert retention.sweep(timezone.now())["deleted"] == 0
    Job.objects.all().delete()
    assert retention.sweep(timezone.now())["deleted"] == 1
    assert Report.objects.get() == report
    assert retention.sweep(report.created_at + retention.KEEP_ROWS + timedelta(days=1))["deleted"] == 1
    assert not Report.objects.exists()


def test_the_job_can_be_purged_and_the_report_is_found_by_its_code_still(report, owner, as_owner):
    jobs.purge(timezone.now() + timedelta(days=31))
    found = queries.by_code(report.shown_code.lower(), viewer=owner)
    assert found == report
    assert found.job is None
    assert as_owner.get(report.get_absolute_url()).status_code == 200


def test_the_sweep_is_a_job_that_beat_submits():
    from django.conf import settings

    from reports.tasks import sweep

    assert sweep.name in {schedule.task for schedule in settings.JOB_SCHEDULES}
    assert sweep.queue.name == "control"


def test_the_sweep_runs_as_a_job(report, storage):
    from jobs import ringing, runner
    from reports.tasks import sweep

    ringing.make_known()
    Report.objects.update(expires_at=timezone.now())
    job = jobs.submit(sweep)
    ringing.admit_due()
    (bell,) = ringing.ring("control", 10)
    assert runner.answer(bell.job_id, message=bell.message) == "succeeded"
    job.refresh_from_db()
    assert job.result == {"expired": 1, "parts": 0, "leftovers": 0, "uploads": 0, "deleted": 0}
    assert stored(storage) == []


def test_a_storage_that_is_away_is_said_and_to_be_tried_again(as_owner, report, monkeypatch):
    def away(_key):
        raise Away("Not now.")

    address = as_owner.get(f"/reports/{report.shown_code}/download/")["Location"]
    monkeypatch.setattr("jobs.adapters.storage.open_file", away)
    answer = as_owner.get(address)
    assert (answer.status_code, answer["Retry-After"], answer.content) == (503, "10", b"Not now.")
