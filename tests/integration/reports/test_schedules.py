"""Reports that are saved under a name, and come by themselves."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone, translation

from jobs import ringing, runner
from jobs import services as jobs
from jobs import task as job_task
from jobs.models import Job
from jobs.models import State as JobState
from jobs.services import NotAllowed
from reports import schedules, services
from reports.choice import Choice
from reports.models import Report, SavedReport
from reports.periods import Period
from reports.recurrence import Every, Recurrence
from reports.specs import Format
from shop.accounts.models import Role
from tests.factories.orders import OrderFactory, OrderLineFactory
from tests.factories.people import PersonFactory

#: A Wednesday, 12:00 in the shop.
NOW = datetime(2026, 11, 25, 5, tzinfo=UTC)
EVERY_MONTH = Recurrence(Every.MONTH, weekday=0, day=1, hour=7)
DUE = datetime(2026, 12, 1, 0, tzinfo=UTC)
CHOICE = Choice("revenue", Format.XLSX, ["product"])


@pytest.fixture
def save(owner):
    def saved(name="Months", *, by=owner, choice=CHOICE, recurrence=EVERY_MONTH, **wishes) -> SavedReport:
        timing = {"period": "last_month", "by_mail": True, "now": NOW, "language": "en"} | wishes
        return schedules.save(owner=by, choice=choice, name=name, recurrence=recurrence, **timing)

    return saved


def work_all():
    """Rings and answers until nothing is due, on every queue that reports use."""
    ringing.make_known()
    ringing.admit_due()
    for queue in ("reports", "mail"):
        while bells := ringing.ring(queue, 10):
            for bell in bells:
                runner.answer(bell.job_id, message=bell.message)


# --- when it comes ---------------------------------------------------------------------------------------------------


def test_it_comes_when_its_time_has_come_and_not_before(save):
    saved = save()
    assert saved.next_at == DUE
    assert schedules.run_due(DUE - timedelta(seconds=1)) == 0
    assert schedules.run_due(DUE) == 1
    report = Report.objects.get()
    assert (report.period, report.saved, report.choice.columns) == (
        Period.named("last_month", today=DUE.date()),
        saved,
        ["time", "order", "product", "quantity", "revenue", "currency"],
    )
    assert report.period.first.isoformat() == "2026-11-01"
    assert report.language == "en"
    assert schedules.run_due(DUE) == 0
    saved.refresh_from_db()
    assert saved.next_at == datetime(2027, 1, 1, 0, tzinfo=UTC)


def test_what_was_missed_comes_once(save):
    save(recurrence=Recurrence(Every.DAY, 0, 1, 7))
    assert schedules.run_due(NOW + timedelta(days=30)) == 1
    assert Report.objects.count() == 1
    assert SavedReport.objects.get().next_at == datetime(2026, 12, 26, 0, tzinfo=UTC)


def test_two_that_look_at_once_ask_for_one_report(save):
    """The other one looks while the first has the row, and again after it has committed."""
    save()
    asked = []

    def look():
        asked.append(schedules.run_due(DUE))
        connection.close()

    with transaction.atomic():
        assert schedules.run_due(DUE) == 1
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert asked == [0]
    assert schedules.run_due(DUE) == 0
    assert Report.objects.count() == 1


def test_one_that_may_not_be_had_any_more_says_so_and_holds_up_no_other(save, owner):
    save(choice=Choice("customers", Format.XLSX, []))
    save("Others")
    owner.roles = [Role.OWNER]
    owner.save()
    assert schedules.run_due(DUE) == 1
    lost, other = SavedReport.objects.order_by("name")
    assert "customers" in lost.problem
    assert lost.next_at > DUE
    assert other.problem == ""


def test_a_column_that_is_gone_is_said(save):
    saved = save()
    SavedReport.objects.filter(pk=saved.pk).update(columns=["product", "weight"])
    assert schedules.run_due(DUE) == 0
    saved.refresh_from_db()
    assert saved.problem == "A column or a filter of it is no longer there. Save it anew."


def test_one_that_is_not_wanted_by_itself_never_comes(save):
    saved = save(recurrence=Recurrence(Every.NEVER, 0, 1, 7))
    assert saved.next_at is None
    assert schedules.run_due(NOW + timedelta(days=1000)) == 0


def test_a_person_has_only_so_many_and_one_of_each_name(save, monkeypatch):
    monkeypatch.setattr(schedules, "MOST_SAVED", 2)
    first = save("One")
    save("Two")
    with translation.override("en"), pytest.raises(NotAllowed, match="as many saved reports"):
        save("Three")
    with pytest.raises(schedules.NameTaken):
        save("One")
    with pytest.raises(schedules.NameTaken):
        schedules.change(saved=first, name="Two", period="last_year", recurrence=EVERY_MONTH, by_mail=False, now=NOW)
    save("One", by=PersonFactory(owner=True))


def test_beats_job_asks_for_what_is_due_and_has_the_mails_written(save, ask):
    saved = save()
    SavedReport.objects.filter(pk=saved.pk).update(next_at=timezone.now() - timedelta(minutes=1))
    OrderLineFactory(order=OrderFactory(placed_at=timezone.now()))
    job = jobs.submit(job_task.get("reports.run_schedules"))
    ringing.make_known()
    for _ in range(2):
        ringing.admit_due()
        for bell in ringing.ring("control", 10):
            runner.answer(bell.job_id, message=bell.message)
        work_all()
    job.refresh_from_db()
    assert job.result == {"asked": 1, "mails": 0}
    assert Report.objects.get().ready_at is not None


# --- the mail --------------------------------------------------------------------------------------------------------


def test_the_mail_leads_to_the_page_and_not_to_the_file(save, owner, settings):
    settings.SITE_URL = "https://shop.example"
    OrderLineFactory(order=OrderFactory(placed_at=datetime(2026, 11, 3, tzinfo=UTC)), unit_price=1_290_000, quantity=1)
    save()
    schedules.run_due(DUE)
    assert schedules.mail_finished() == 0  # it is not made yet
    work_all()
    assert schedules.mail_finished() == 1
    work_all()
    (message,) = mail.outbox
    report = Report.objects.get()
    assert message.to == [owner.email]
    assert message.subject == "Ready: Months"
    assert f"https://shop.example{report.get_absolute_url()}" in message.body
    assert "1,290,000 ₫" in message.body.replace("\N{NO-BREAK SPACE}", " ")
    assert report.file_key not in message.body
    assert "token" not in message.body
    assert schedules.mail_finished() == 0


def test_sent_twice_it_is_the_same_message(save):
    save()
    schedules.run_due(DUE)
    work_all()
    schedules.mail_finished()
    job = Job.objects.get(task="reports.mail_report")
    work_all()
    Job.objects.filter(pk=job.pk).update(
        state=JobState.WAITING, turn=1, finished_at=None, ring_at=timezone.now() - timedelta(seconds=1)
    )
    work_all()
    first, second = mail.outbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
    assert f"{job.pk}" in first.extra_headers["Message-ID"]


def test_a_report_that_could_not_be_made_is_told_too_in_its_language(save):
    save(language="vi")
    schedules.run_due(DUE)
    Job.objects.update(state=JobState.FAILED, turn=None, finished_at=timezone.now(), error_message="The disk is full.")
    assert schedules.mail_finished() == 1
    work_all()
    (message,) = mail.outbox
    with translation.override("vi"):
        assert message.subject == translation.gettext("Could not be made: %(name)s") % {"name": "Months"}
    assert message.subject.startswith("Không")


@pytest.mark.parametrize("why", ["no mail is wanted", "no address is known", "it was asked for by hand"])
def test_no_mail_is_sent_where(save, owner, why):
    if why == "no address is known":
        owner.email = ""
        owner.save()
    saved = save(by_mail=why != "no mail is wanted")
    if why == "it was asked for by hand":
        schedules.make(saved=saved, now=DUE)
    else:
        schedules.run_due(DUE)
    work_all()
    schedules.mail_finished()
    work_all()
    assert mail.outbox == []
    assert Report.objects.get().ready_at is not None


def test_a_mail_server_that_is_away_is_tried_again(save, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    save()
    schedules.run_due(DUE)
    work_all()
    schedules.mail_finished()
    work_all()
    job = Job.objects.get(task="reports.mail_report")
    assert (job.state, job.failures) == (JobState.WAITING, 1)
    assert job.events.get().message == "The mail server did not take the mail. We will try again."


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(client, owner):
    client.force_login(owner)
    client.cookies["language"] = "en"
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


TIMING = {"period": "last_month", "every": "month", "weekday": "0", "day": "1", "hour": "7", "by_mail": "on"}


def test_a_report_is_saved_from_its_page_with_all_that_was_chosen(page, owner):
    choice = Choice("revenue", Format.CSV, ["product"], {"state": ["paid"]}, "-revenue")
    with translation.override("en"):
        report = services.request_report(owner=owner, choice=choice, period=Period.year(2025), now=NOW)
    address = reverse("reports:save", kwargs={"code": report.shown_code})
    assert address in page.get(report.get_absolute_url()).content.decode()
    assert 'value="Revenue' in page.get(address).content.decode()
    response = page.post(address, {"name": "Paid ones", **TIMING})
    saved = SavedReport.objects.get()
    assert response["Location"] == saved.get_absolute_url()
    assert saved.choice == report.choice
    assert (saved.name, saved.owner, saved.language, saved.by_mail) == ("Paid ones", owner, "en", True)
    shown = page.get(saved.get_absolute_url()).content.decode()
    assert "only Paid" in shown
    assert "Revenue, largest first" in shown
    assert (
        "You have a saved report of this name" in page.post(address, {"name": "Paid ones", **TIMING}).content.decode()
    )


def test_it_is_changed_made_and_deleted_on_its_page(page, save):
    saved = save()
    page.post(saved.get_absolute_url(), {"name": "Weeks", **TIMING, "every": "week", "weekday": "4"})
    saved.refresh_from_db()
    assert (saved.name, saved.every, saved.weekday) == ("Weeks", Every.WEEK, 4)
    made = page.post(reverse("reports:saved-make", args=[saved.pk]))
    report = Report.objects.get()
    assert made["Location"] == report.get_absolute_url()
    assert "Weeks" in page.get(report.get_absolute_url()).content.decode()
    delete = reverse("reports:saved-delete", args=[saved.pk])
    assert "Delete “Weeks”?" in page.get(delete).content.decode()
    assert SavedReport.objects.exists()
    page.post(delete)
    assert not SavedReport.objects.exists()
    assert Report.objects.get().saved is None


def test_somebody_elses_is_not_there(client, save):
    saved = save()
    client.force_login(PersonFactory(owner=True))
    for name, method in [("saved", "get"), ("saved", "post"), ("saved-make", "post"), ("saved-delete", "post")]:
        assert getattr(client, method)(reverse(f"reports:{name}", args=[saved.pk])).status_code == 404
    assert saved.name not in client.get(reverse("reports:saved-list")).content.decode()
    assert Report.objects.count() == 0


@pytest.mark.parametrize(
    "wrong", [{"day": "32"}, {"hour": "24"}, {"weekday": "7"}, {"every": "hour"}, {"period": "custom"}, {"name": ""}]
)
def test_a_time_that_is_none_is_refused(page, save, wrong):
    saved = save()
    response = page.post(saved.get_absolute_url(), {"name": "X", **TIMING, **wrong})
    assert response.status_code == 200
    assert response.context["form"].errors
    saved.refresh_from_db()
    assert saved.name == "Months"
