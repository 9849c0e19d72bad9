"""Reading about jobs: by code, of an owner, what happened, how long still, how the queues are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from jobs import db, processes, queues
from jobs import task as tasks
from jobs.models import CODE_LENGTH, Job, JobEvent, State, Worker, clean_code


def may_operate(person: AbstractUser) -> bool:
    """Operators see and handle everybody's jobs."""
    return person.is_active and person.is_staff


def by_code(code: str, *, viewer: AbstractUser | None) -> Job | None:
    """The job with this lookup code, as a person typed it, if ``viewer`` may see it. None for an unknown code and for
    somebody else's alike."""
    wanted = clean_code(code)
    if len(wanted) != CODE_LENGTH or viewer is None or not viewer.is_authenticated:
        return None
    found = Job.objects.filter(code=wanted)
    return found.first() if may_operate(viewer) else found.filter(owner_id=viewer.pk).first()


def of_owner(owner: AbstractUser) -> QuerySet[Job]:
    """A person's own jobs, newest first."""
    return Job.objects.filter(owner_id=owner.pk, parent=None).order_by("-created_at", "-id")


def was_retried(job_id: UUID) -> bool:
    """A person has given it a fresh start."""
    return JobEvent.objects.filter(job_id=job_id, kind=JobEvent.Kind.RETRIED).exists()


def is_cancel_requested(job_id: UUID) -> bool:
    return Job.objects.filter(pk=job_id, cancel_requested_at__isnull=False).exists()


def title(job: Job) -> str | Promise:
    """What the job is called on the screen; its task's name where this release does not know the task."""
    known = tasks.registered().get(job.task)
    return known.title if known else job.task


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of a job's story. ``detail`` is for operators only."""

    at: datetime
    tone: str
    title: str
    detail: str
    attempt: int
    actor: str | None = None


_EVENT_TONES: Final = {
    JobEvent.Kind.ATTEMPT_FAILED: "warning",
    JobEvent.Kind.WORKER_DIED: "warning",
    JobEvent.Kind.TIMED_OUT: "warning",
    JobEvent.Kind.GIVEN_BACK: "neutral",
    JobEvent.Kind.CANCEL_REQUESTED: "neutral",
    JobEvent.Kind.RETRIED: "neutral",
    JobEvent.Kind.REQUEUED: "neutral",
}


def timeline(job: Job) -> list[TimelineEntry]:
    """What happened to the job, newest first: from its row and its events."""
    entries = list(_row_entries(job))
    for event in job.events.select_related("actor").order_by("at", "id"):
        kind = JobEvent.Kind(event.kind)
        said = _(event.message) if event.message else str(kind.label)
        entries.append(
            TimelineEntry(
                at=event.at,
                tone=_EVENT_TONES[kind],
                title=said,
                detail=event.detail,
                attempt=event.attempt,
                actor=event.actor.get_username() if event.actor else None,
            )
        )
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _row_entries(job: Job) -> Iterator[TimelineEntry]:
    yield TimelineEntry(job.created_at, "neutral", _("Submitted."), job.trace_id, 0)
    if job.started_at is not None:
        title = _("Started.") if job.attempt == 1 else _("Started, attempt %(attempt)d.") % {"attempt": job.attempt}
        yield TimelineEntry(job.started_at, "progress", title, job.holder, job.attempt)
    if job.finished_at is not None:
        title, tone = {
            State.SUCCEEDED: (_("Done."), "good"),
            State.FAILED: (_(job.error_message) if job.error_message else _("Failed."), "bad"),
            State.CANCELLED: (_("Cancelled."), "neutral"),
        }[State(job.state)]
        detail = f"{job.error_class}\n{job.error_detail}".strip()
        yield TimelineEntry(job.finished_at, tone, title, detail, job.attempt)


def estimate(job: Job, now: datetime) -> float | None:
    """Seconds that a running job will still take at the pace of this attempt; None where nothing tells."""
    if job.state != State.RUNNING or not job.total or not job.done or job.started_at is None:
        return None
    elapsed = (now - job.started_at).total_seconds()
    return elapsed * max(job.total - job.done, 0) / job.done


def share_of_children(job: Job) -> float:
    """How much of a parent's children is done, from 0 to 1: what has concluded, and what runs as far as it is."""
    ((share,),) = db.fetch(
        """
        SELECT coalesce(avg(CASE state WHEN 'waiting' THEN 0
                                       WHEN 'running' THEN coalesce(least(1, done::float8 / nullif(total, 0)), 0)
                                       ELSE 1 END), 0)::float8
          FROM jobs_job WHERE parent_id = %s
        """,
        (job.pk,),
    )
    return float(share)


@dataclass(frozen=True, slots=True)
class QueueOverview:
    """One queue now. ``oldest_age``: seconds that its oldest due job has waited."""

    name: str
    runs: str
    ready: int
    rung: int
    asleep: int
    running: int
    oldest_age: float | None
    workers: int
    children: int
    paused_at: datetime | None
    alert_age: int

    @property
    def late(self) -> bool:
        return self.oldest_age is not None and self.oldest_age > self.alert_age


def queue_overview(now: datetime) -> list[QueueOverview]:
    """Every queue of the table, in its order. Counts only jobs that are not over, so it is cheap at any table size."""
    rows = db.fetch(
        """
        SELECT queue,
               count(*) FILTER (WHERE turn IS NOT NULL),
               count(*) FILTER (WHERE state = 'waiting' AND turn IS NULL AND rings > 0),
               count(*) FILTER (WHERE state = 'waiting' AND turn IS NULL AND rings = 0),
               count(*) FILTER (WHERE state = 'running'),
               (extract(epoch FROM %(now)s::timestamptz - min(run_at) FILTER (
                    WHERE state = 'waiting' AND children_left = 0 AND run_at <= %(now)s)))::float8
          FROM jobs_job
            -- Every job that is not over, in the words of the partial indexes, which say nothing of those that are.
         WHERE turn IS NOT NULL OR (state = 'waiting' AND turn IS NULL) OR lease_until IS NOT NULL
         GROUP BY queue
        """,
        {"now": now},
    )
    counted = {row[0]: row[1:] for row in rows}
    paused = dict(db.fetch("SELECT name, paused_at FROM jobs_queuestate WHERE paused_at IS NOT NULL"))
    workers = [worker for worker in processes.live(now) if worker.kind == "worker"]
    overview = []
    for queue in queues.all_queues():
        ready, rung, asleep, running, oldest = counted.get(queue.name, (0, 0, 0, 0, None))
        serving = [worker for worker in workers if queue.name in worker.queues]
        overview.append(
            QueueOverview(
                name=queue.name,
                runs=_(queue.runs),
                ready=ready,
                rung=rung,
                asleep=asleep,
                running=running,
                oldest_age=oldest,
                workers=len(serving),
                children=sum(worker.concurrency for worker in serving),
                paused_at=paused.get(queue.name),
                alert_age=queue.alert_age,
            )
        )
    return overview


def live_processes(now: datetime) -> QuerySet[Worker]:
    """Workers, dispatchers and beats heard of lately."""
    return processes.live(now)
