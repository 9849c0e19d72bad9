"""Reports that people asked for, and who has downloaded them.

A report's state is not a column. Until its file is there, the state is that of its job, so the two cannot disagree;
from then on its times tell. ``ready_at`` and ``expired_at`` are each set once, by a conditional UPDATE::

    requested → building → ready → expired
        ↑  └────────┬──┬→ failed
        └── retry ──┤  └→ cancelled
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from jobs.models import CODE_LENGTH, Job, show_code
from jobs.models import State as JobState
from reports import kinds
from reports.choice import Choice
from reports.periods import NAMES, Period
from reports.recurrence import Every, Recurrence
from reports.rows import Holds
from reports.selection import Selection
from reports.specs import Column, Format, Spec
from shop.money import Money


class State(models.TextChoices):
    REQUESTED = "requested", _("Waiting")
    BUILDING = "building", _("Being made")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")

    @property
    def tone(self) -> str:
        """The tone of the state's badge: neutral, progress, good, bad."""
        return _TONES[self]

    def condition_at(self, now: datetime) -> Q:
        """Finds the reports in this state: ``Report.state_at`` for the database."""
        gone = Q(expired_at__isnull=False) | Q(expires_at__lte=now)
        if self == State.EXPIRED:
            return gone
        if self == State.READY:
            return Q(ready_at__isnull=False) & ~gone
        return Q(ready_at__isnull=True, job__state=_JOB_STATES[self])


_TONES: Final = {
    State.REQUESTED: "neutral",
    State.BUILDING: "progress",
    State.READY: "good",
    State.FAILED: "bad",
    State.CANCELLED: "neutral",
    State.EXPIRED: "neutral",
}
_OF_JOB: Final = {
    JobState.WAITING: State.REQUESTED,
    JobState.RUNNING: State.BUILDING,
    JobState.FAILED: State.FAILED,
    JobState.CANCELLED: State.CANCELLED,
}
_JOB_STATES: Final = {state: of_job for of_job, state in _OF_JOB.items()}


def new_id() -> uuid.UUID:
    return uuid7()


class Chosen(models.Model):
    """What a person chose a report to be: ``choice.Choice`` in columns of a table."""

    kind = models.CharField(_("kind"), max_length=40)
    format = models.CharField(_("format"), max_length=10, choices=Format.choices)
    columns = ArrayField(models.CharField(max_length=30), verbose_name=_("columns"))
    filters = models.JSONField(_("filters"), default=dict, db_default={}, blank=True)
    order = models.CharField(_("order"), max_length=31, default="", db_default="", blank=True)
    language = models.CharField(_("language"), max_length=5)

    class Meta:
        abstract = True

    @property
    def choice(self) -> Choice:
        return Choice(self.kind, Format(self.format), self.columns, self.filters, self.order)

    @property
    def spec(self) -> Spec:
        """Its kind, or what stands for one that this release does not have."""
        return kinds.shown(self.kind)

    @property
    def known_columns(self) -> list[Column]:
        return self.spec.known(self.columns)

    @property
    def filters_in_words(self) -> list[tuple[str, str]]:
        """Titles of the filters that leave something out, with what they keep."""
        return [
            (
                str(one.title),
                ", ".join(str(words) for value, words in one.choices() if value in self.filters[one.name]),
            )
            for one in self.spec.filters
            if one.name in self.filters
        ]

    @property
    def order_in_words(self) -> str:
        orders = {order: words for column in self.known_columns for order, words in column.orders.items()}
        return str(orders.get(self.order, self.order))


class SavedReport(Chosen):
    """A choice kept under a name, to be made again with a click or at times of its own."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="+", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=100)
    #: One of ``periods.NAMES``: it moves with the calendar.
    period = models.CharField(_("period"), max_length=20)
    every = models.CharField(_("how often"), max_length=10, choices=Every.choices, default=Every.NEVER)
    #: 0 is Monday.
    weekday = models.SmallIntegerField(_("on"), default=0)
    day = models.SmallIntegerField(_("on day"), default=1)
    hour = models.SmallIntegerField(_("at hour"), default=7)
    by_mail = models.BooleanField(_("send me the link by e-mail"), default=True)
    #: NULL: nothing comes by itself.
    next_at = models.DateTimeField(_("next"), null=True)
    #: Why the last time brought nothing, in a sentence.
    problem = models.TextField(_("problem"), default="", db_default="")
    created_at = models.DateTimeField(_("saved"), db_default=Now())

    class Meta:
        verbose_name = _("saved report")
        verbose_name_plural = _("saved reports")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_report_name_once"),
            models.CheckConstraint(condition=Q(format__in=Format.values), name="saved_report_format_known"),
            models.CheckConstraint(condition=Q(period__in=NAMES), name="saved_report_period_known"),
            models.CheckConstraint(
                condition=Q(every=Every.NEVER, next_at__isnull=True)
                | Q(every__in=[Every.DAY, Every.WEEK, Every.MONTH]),
                name="saved_report_next_has_a_rhythm",
            ),
            models.CheckConstraint(
                condition=Q(weekday__range=(0, 6), day__range=(1, 31), hour__range=(0, 23)),
                name="saved_report_time_is_one",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="saved_report_due")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("reports:saved", kwargs={"pk": self.pk})

    @property
    def recurrence(self) -> Recurrence:
        return Recurrence(Every(self.every), self.weekday, self.day, self.hour)


class Report(Chosen):
    """One report that one person asked for; period, choice and language are as they were when it was asked for."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: NULL once the job is purged; ``code`` stays, so that the report's address does.
    job = models.OneToOneField(Job, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("job"))
    code = models.CharField(_("lookup code"), max_length=CODE_LENGTH, unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="+",
        verbose_name=_("owner"),
    )
    #: The saved report that this was made from, for as long as there is that.
    saved = models.ForeignKey(
        SavedReport,
        on_delete=models.SET_NULL,
        null=True,
        related_name="reports",
        verbose_name=_("saved report"),
    )
    #: Its owner waits for a mail about it.
    mail_due = models.BooleanField(default=False, db_default=False)
    #: Both included, in the shop's days.
    first_day = models.DateField(_("from"))
    last_day = models.DateField(_("to"))
    created_at = models.DateTimeField(_("requested"), db_default=Now())

    # The file. Everything below is written at once, when it has been made, read back and stored.
    ready_at = models.DateTimeField(_("ready"), null=True)
    expires_at = models.DateTimeField(_("kept until"), null=True)
    expired_at = models.DateTimeField(_("deleted"), null=True)
    as_of = models.DateTimeField(_("data as of"), null=True)
    row_count = models.BigIntegerField(_("rows"), null=True)
    #: ``selection.Total`` for each currency, in JSON.
    totals = models.JSONField(_("totals"), default=list, db_default=[])
    #: Its name in storage; "" before there is one and after it has been deleted.
    file_key = models.CharField(max_length=200, default="", db_default="")
    size = models.BigIntegerField(_("size"), null=True)
    sha256 = models.CharField("SHA-256", max_length=64, default="", db_default="")

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(format__in=Format.values), name="report_format_known"),
            models.CheckConstraint(condition=Q(first_day__lte=F("last_day")), name="report_days_in_order"),
            models.CheckConstraint(
                condition=Q(
                    ready_at__isnull=True,
                    expires_at__isnull=True,
                    expired_at__isnull=True,
                    as_of__isnull=True,
                    row_count__isnull=True,
                    size__isnull=True,
                    sha256="",
                    file_key="",
                )
                | Q(
                    ready_at__isnull=False,
                    expires_at__isnull=False,
                    as_of__isnull=False,
                    row_count__isnull=False,
                    size__isnull=False,
                )
                & ~Q(sha256=""),
                name="report_file_whole_or_not_there",
            ),
            models.CheckConstraint(
                condition=Q(expired_at__isnull=False) | Q(ready_at__isnull=True) | ~Q(file_key=""),
                name="report_ready_has_its_file",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "-created_at", "-id"], name="report_of_owner"),
            models.Index(fields=["expires_at"], condition=Q(expired_at__isnull=True), name="report_to_expire"),
            models.Index(fields=["file_key"], condition=~Q(file_key=""), name="report_by_file"),
            models.Index(fields=["id"], condition=Q(mail_due=True), name="report_mail_due"),
        ]

    def __str__(self) -> str:
        return f"{self.spec.title} {self.first_day} – {self.last_day}"

    def get_absolute_url(self) -> str:
        return reverse("reports:detail", kwargs={"code": self.shown_code})

    @property
    def shown_code(self) -> str:
        return show_code(self.code)

    def state_at(self, now: datetime) -> State:
        if self.ready_at is not None:
            gone = self.expired_at is not None or self.expires_at is None or self.expires_at <= now
            return State.EXPIRED if gone else State.READY
        if self.job is None:  # over for so long that the job is purged
            return State.CANCELLED
        # A job that has succeeded leaves a file; this row may have been read just before that.
        return _OF_JOB.get(JobState(self.job.state), State.BUILDING)

    @property
    def period(self) -> Period:
        return Period(self.first_day, self.last_day)

    @property
    def selection(self) -> Selection:
        """Raises UnknownChoice for what this release no longer has."""
        zone = timezone.get_default_timezone()
        start, end = self.period.instants(zone)
        return Selection(self.choice.spec, start, end, self.choice.selected, self.filters, self.order, zone)

    @property
    def file_name(self) -> str:
        """What the file is called where a person keeps it, in the report's language."""
        with translation.override(self.language):
            days = f"{self.first_day} – {self.last_day}" if self.first_day != self.last_day else f"{self.first_day}"
            return f"{self.spec.title} {days}.{self.format}"

    @property
    def shown_totals(self) -> list["ShownTotal"]:
        """What the file adds up to, for each currency; the kind's headline first."""
        headline = self.spec.headline
        columns = sorted(self.known_columns, key=lambda column: column.name != headline)
        return [
            ShownTotal(column, total["currency"], total["sums"][column.name], total["decimals"])
            for total in self.totals
            for column in columns
            if column.name in total["sums"]
        ]

    @property
    def headlines(self) -> list["ShownTotal"]:
        """The headline's total for each currency."""
        return [total for total in self.shown_totals if total.column.name == self.spec.headline]


@dataclass(frozen=True, slots=True)
class ShownTotal:
    """A sum for the screen."""

    column: Column
    currency: str
    amount: int
    decimals: int

    @property
    def money(self) -> Money | None:
        """None for a number that is no money."""
        return Money(self.amount, self.currency, self.decimals) if self.column.holds == Holds.MONEY else None


class ReportPart(models.Model):
    """A part of a file being made, kept so that a killed worker's successor need not make it again.

    It is as good as new while ``chain`` is what the rows up to here come to: see ``reports.parts``.
    """

    report = models.ForeignKey(Report, on_delete=models.CASCADE, db_index=False, related_name="parts")
    number = models.IntegerField()
    chain = models.CharField(max_length=64)
    rows = models.IntegerField()
    #: What the writer needs to know in order to go on: ``writers.State``.
    state = models.JSONField()
    file_key = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["report", "number"], name="report_part_once")]
        indexes: ClassVar = [models.Index(fields=["file_key"], name="report_part_by_file")]

    def __str__(self) -> str:
        return f"{self.report_id} {self.number}"


class ReportDownload(models.Model):
    """Somebody was given a report's file. Kept for as long as the report's row."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="downloads", verbose_name=_("report"))
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("person"),
    )
    at = models.DateTimeField(_("time"))
    address = models.GenericIPAddressField(_("address"), null=True)

    class Meta:
        verbose_name = _("download")
        verbose_name_plural = _("downloads")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.address}"
