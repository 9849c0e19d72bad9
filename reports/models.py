"""Reports that people asked for, and who has downloaded them.

A report's state is not a column. Until its file is there, the state is that of its job, so the two cannot disagree;
from then on its times tell. ``ready_at`` and ``expired_at`` are each set once, by a conditional UPDATE::

    requested → building → ready → expired
        ↑  └────────┬──┬→ failed
        └── retry ──┤  └→ cancelled
"""

import uuid
from datetime import datetime
from typing import ClassVar, Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from jobs.models import CODE_LENGTH, Job, show_code
from jobs.models import State as JobState
from reports.periods import Period
from reports.specs import SPECS, Format, Kind, Spec
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

    @property
    def condition(self) -> Q:
        """Finds the reports in this state: ``Report.state_at`` for the database, as of the last sweep."""
        return _CONDITIONS[self]


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
_CONDITIONS: Final = {
    State.EXPIRED: Q(expired_at__isnull=False),
    State.READY: Q(ready_at__isnull=False, expired_at__isnull=True),
    **{state: Q(ready_at__isnull=True, job__state=of_job) for of_job, state in _OF_JOB.items()},
}


def new_id() -> uuid.UUID:
    return uuid7()


class Report(models.Model):
    """One report that one person asked for; period, columns and language are as they were when it was asked for."""

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
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    format = models.CharField(_("format"), max_length=10, choices=Format.choices)
    #: Both included, in the shop's days.
    first_day = models.DateField(_("from"))
    last_day = models.DateField(_("to"))
    columns = ArrayField(models.CharField(max_length=30), verbose_name=_("columns"))
    language = models.CharField(_("language"), max_length=5)
    created_at = models.DateTimeField(_("requested"), db_default=Now())

    # The file. Everything below is written at once, when it has been made, read back and stored.
    ready_at = models.DateTimeField(_("ready"), null=True)
    expires_at = models.DateTimeField(_("kept until"), null=True)
    expired_at = models.DateTimeField(_("deleted"), null=True)
    as_of = models.DateTimeField(_("data as of"), null=True)
    row_count = models.BigIntegerField(_("rows"), null=True)
    #: For each currency: {"currency", "decimals", "lines", "quantity", "revenue"}, all amounts exact integers.
    totals = models.JSONField(_("totals"), default=list, db_default=[])
    #: Its name in storage; "" before there is one and after it has been deleted.
    file_key = models.CharField(max_length=200, default="", db_default="")
    size = models.BigIntegerField(_("size"), null=True)
    sha256 = models.CharField("SHA-256", max_length=64, default="", db_default="")

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="report_kind_known"),
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
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.first_day} – {self.last_day}"

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
    def spec(self) -> Spec:
        return SPECS[Kind(self.kind)]

    @property
    def file_name(self) -> str:
        """What the file is called where a person keeps it, in the report's language."""
        with translation.override(self.language):
            days = f"{self.first_day} – {self.last_day}" if self.first_day != self.last_day else f"{self.first_day}"
            return f"{self.spec.title} {days}.{self.format}"

    @property
    def revenue(self) -> list[Money]:
        """The report's total, one for each currency."""
        return [Money(total["revenue"], total["currency"], total["decimals"]) for total in self.totals]


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
