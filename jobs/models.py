"""The rows that are the truth about background work: jobs, what happened to them, and who is working.

A job moves only along these lines, each a conditional UPDATE in ``jobs.services``::

    waiting → running → succeeded
       ↑         ├────→ failed        (permanent, attempts used up, or it kept killing its worker)
       └─ retry ─┤
    cancelled ←──┴─ (from waiting: at once; from running: the worker is told, stops safely, then concludes)

A waiting row is in one of three places: *ready* (``turn`` is set; the dispatcher rings it in that order), *rung* (a
doorbell is out: ``rings`` > 0, rung again at ``ring_at``) or *asleep* until ``ring_at``.
"""

import secrets
from typing import ClassVar, Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

#: Crockford's base 32: no I, L, O or U, so a code survives the telephone. 12 letters are 60 random bits.
CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH: Final = 12
_CODE_REPAIRS: Final = str.maketrans("OIL", "011", " -_")


def new_code() -> str:
    """An unguessable lookup code, without its dashes."""
    bits = secrets.randbits(5 * CODE_LENGTH)
    return "".join(CODE_ALPHABET[(bits >> 5 * place) & 31] for place in range(CODE_LENGTH))


def clean_code(text: str) -> str:
    """A code as a person typed it (dashes, spaces, lower case, O for 0) in the form that the row holds."""
    return text.upper().translate(_CODE_REPAIRS)


def show_code(code: str) -> str:
    """A code in groups of four: ``7KQF-3M9T-XW2C``."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


class State(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")

    @property
    def tone(self) -> str:
        """The tone of the state's badge: neutral, progress, good, bad."""
        return _TONES[self]

    @property
    def icon(self) -> str:
        """The icon beside the word, where the tone's own would say too little."""
        return _ICONS[self]


_TONES: Final = {
    State.WAITING: "neutral",
    State.RUNNING: "progress",
    State.SUCCEEDED: "good",
    State.FAILED: "bad",
    State.CANCELLED: "neutral",
}
_ICONS: Final = {
    State.WAITING: "clock",
    State.RUNNING: "loader-circle",
    State.SUCCEEDED: "circle-check",
    State.FAILED: "circle-x",
    State.CANCELLED: "ban",
}
ACTIVE: Final = frozenset({State.WAITING, State.RUNNING})
TERMINAL: Final = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
RETRYABLE: Final = frozenset({State.FAILED, State.CANCELLED})
CANCELLABLE: Final = ACTIVE
MOVES: Final = {
    State.WAITING: frozenset({State.RUNNING, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset({State.WAITING, State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset[State](),
    State.FAILED: frozenset({State.WAITING}),
    State.CANCELLED: frozenset({State.WAITING}),
}


class Job(models.Model):
    """One piece of background work that a person could ask about."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(_("lookup code"), max_length=CODE_LENGTH, default=new_code, editable=False)
    task = models.CharField(_("task"), max_length=100)
    queue = models.CharField(_("queue"), max_length=30)
    arguments = models.JSONField(_("arguments"), default=dict, db_default={})
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("owner"),
    )
    #: Whose turn it is: jobs with the same key take turns with those of other keys. The owner's id; 0 is the system.
    fair_key = models.BigIntegerField(default=0, db_default=0)
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, db_index=False, related_name="children")
    dedupe_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 (NULL: not deduplicated)
    trace_id = models.CharField(max_length=64, default="", db_default="")

    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING, db_default=State.WAITING
    )
    run_at = models.DateTimeField(_("not before"), db_default=Now())

    # The doorbell
    turn = models.BigIntegerField(null=True)
    ring_at = models.DateTimeField(db_default=Now())
    rings = models.SmallIntegerField(default=0, db_default=0)
    message = models.CharField(max_length=60, default="", db_default="")

    # The claim
    attempt = models.IntegerField(_("attempt"), default=0, db_default=0)
    failures = models.SmallIntegerField(_("failures"), default=0, db_default=0)
    deaths = models.SmallIntegerField(_("worker deaths"), default=0, db_default=0)
    holder = models.CharField(_("worker"), max_length=120, default="", db_default="")
    lease_until = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)

    # What a person sees
    done = models.BigIntegerField(_("done"), default=0, db_default=0)
    total = models.BigIntegerField(_("of"), null=True)
    unit = models.CharField(max_length=40, default="", db_default="")
    result = models.JSONField(_("result"), null=True)
    error_class = models.CharField(_("error"), max_length=200, default="", db_default="")
    error_message = models.TextField(_("what went wrong"), default="", db_default="")
    error_detail = models.TextField(_("error detail"), default="", db_default="")

    # Fan-in: a parent starts when its children have concluded
    children_left = models.IntegerField(default=0, db_default=0)
    children_failed = models.IntegerField(default=0, db_default=0)

    created_at = models.DateTimeField(_("submitted"), db_default=Now())
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        constraints: ClassVar = [
            # One constraint, not one for each rule: PostgreSQL prepares each anew for every statement that writes.
            models.CheckConstraint(
                condition=Q(state=State.WAITING, lease_until__isnull=True, finished_at__isnull=True)
                | Q(state=State.RUNNING, turn__isnull=True, lease_until__isnull=False, finished_at__isnull=True)
                | Q(state__in=sorted(TERMINAL), turn__isnull=True, lease_until__isnull=True, finished_at__isnull=False),
                name="job_state_consistent",
            ),
            # Not unique=True, which adds a second index, for LIKE, to every insert.
            models.UniqueConstraint(fields=["code"], name="job_code_once"),
            models.UniqueConstraint(
                fields=["dedupe_key"],
                condition=Q(state__in=sorted(ACTIVE), dedupe_key__isnull=False),
                name="job_one_active_per_dedupe_key",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["queue", "turn", "id"], condition=Q(turn__isnull=False), name="job_ready"),
            models.Index(fields=["queue", "fair_key", "turn"], condition=Q(turn__isnull=False), name="job_ready_fair"),
            models.Index(
                fields=["ring_at"], condition=Q(state=State.WAITING, turn__isnull=True), name="job_asleep_or_rung"
            ),
            models.Index(
                fields=["queue"],
                condition=Q(state__in=[State.WAITING, State.CANCELLED], rings__gt=0),
                name="job_doorbell_out",
            ),
            # Its condition is not "state is running", which every statement about a running job names: the planner
            # would then walk all leases for the one row that it could find by its key.
            models.Index(fields=["lease_until"], condition=Q(lease_until__isnull=False), name="job_leases"),
            models.Index(fields=["owner", "-created_at"], condition=Q(owner__isnull=False), name="job_of_owner"),
            models.Index(fields=["parent"], condition=Q(parent__isnull=False), name="job_of_parent"),
            models.Index(fields=["state", "finished_at"], condition=Q(finished_at__isnull=False), name="job_finished"),
            # For operators, who search by key.
            models.Index(fields=["dedupe_key"], condition=Q(dedupe_key__isnull=False), name="job_dedupe_key"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {show_code(self.code)}"

    def get_absolute_url(self) -> str:
        return reverse("jobs:detail", kwargs={"code": show_code(self.code)})

    @property
    def shown_code(self) -> str:
        return show_code(self.code)

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def can_cancel(self) -> bool:
        return self.state in CANCELLABLE and self.cancel_requested_at is None

    @property
    def can_retry(self) -> bool:
        return self.state in RETRYABLE


class JobEvent(models.Model):
    """Something that happened to a job and that its row does not tell: a failed attempt, a dead worker, a person's act.

    A job that succeeds at its first attempt has none; its row says everything.
    """

    class Kind(models.TextChoices):
        ATTEMPT_FAILED = "attempt_failed", _("Attempt failed")
        WORKER_DIED = "worker_died", _("Worker died")
        GIVEN_BACK = "given_back", _("Given back")
        TIMED_OUT = "timed_out", _("Ran too long")
        CANCEL_REQUESTED = "cancel_requested", _("Cancel requested")
        RETRIED = "retried", _("Retried by a person")
        REQUEUED = "requeued", _("Rung again by a person")

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=20, choices=Kind.choices)
    attempt = models.IntegerField(default=0)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    message = models.TextField(default="", help_text=_("For people."))
    detail = models.TextField(default="", help_text=_("For operators: the cause."))

    class Meta:
        verbose_name = _("job event")
        verbose_name_plural = _("job events")

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M:%S}"


class QueueState(models.Model):
    """What the dispatcher and operators keep of one queue: its virtual clock for fairness, and whether it is paused."""

    name = models.CharField(primary_key=True, max_length=30)
    turn = models.BigIntegerField(default=0, db_default=0)
    paused_at = models.DateTimeField(null=True)
    paused_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")

    def __str__(self) -> str:
        return self.name


class Worker(models.Model):
    """A process that says it lives: a Celery worker (its queues and children), a dispatcher or beat."""

    name = models.CharField(primary_key=True, max_length=120)
    kind = models.CharField(max_length=20)
    queues = ArrayField(models.CharField(max_length=30), default=list)
    concurrency = models.SmallIntegerField(default=1)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")

    def __str__(self) -> str:
        return self.name


class ScheduledRun(models.Model):
    """One window of one periodic run. Unique, so that two beats submit it once."""

    schedule = models.CharField(max_length=100)
    window = models.DateTimeField()
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = _("scheduled run")
        verbose_name_plural = _("scheduled runs")
        constraints: ClassVar = [models.UniqueConstraint(fields=["schedule", "window"], name="scheduled_run_once")]

    def __str__(self) -> str:
        return f"{self.schedule} {self.window:%Y-%m-%d %H:%M}"


class TaskTally(models.Model):
    """Counts for metrics, added up by workers in memory and written a few times a minute."""

    task = models.CharField(max_length=100)
    queue = models.CharField(max_length=30)
    outcome = models.CharField(max_length=20)
    count = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    buckets = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")
        constraints: ClassVar = [models.UniqueConstraint(fields=["task", "queue", "outcome"], name="task_tally_once")]

    def __str__(self) -> str:
        return f"{self.task} {self.outcome}: {self.count}"


class Breaker(models.Model):
    """A circuit breaker shared by all workers: one row per outside system. See ``jobs.breakers``."""

    class State(models.TextChoices):
        CLOSED = "closed", _("Healthy")
        OPEN = "open", _("Stopped")
        HALF_OPEN = "half_open", _("Trying again")

        @property
        def tone(self) -> str:
            """The tone of the state's badge: good, bad, progress."""
            return {"closed": "good", "open": "bad", "half_open": "progress"}[self.value]

    name = models.CharField(primary_key=True, max_length=100)
    state = models.CharField(max_length=10, choices=State.choices, default=State.CLOSED, db_default=State.CLOSED)
    #: Set by an operator: stays open (or closed) whatever happens, until released.
    forced = models.BooleanField(default=False, db_default=False)
    reason = models.TextField(default="", db_default="")
    calls = models.IntegerField(default=0, db_default=0)
    failures = models.IntegerField(default=0, db_default=0)
    window_started_at = models.DateTimeField(db_default=Now())
    opened_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    trial_until = models.DateTimeField(null=True)
    openings = models.SmallIntegerField(default=0, db_default=0)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("breaker")
        verbose_name_plural = _("breakers")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=["closed", "open", "half_open"]), name="breaker_state_known")
        ]

    def __str__(self) -> str:
        return self.name
