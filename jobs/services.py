"""The door of the kernel: everything that people and other apps do with jobs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from jobs import db, queues
from jobs.claims import PARENT_HEARS
from jobs.models import CANCELLABLE, Job, JobEvent, QueueState, ScheduledRun, State, Worker, new_code
from jobs.task import JobTask
from jobs.trace import new_trace_id, trace_id

#: The ``ring_at`` of a job that waits for its children, not for a time.
NOT_BY_TIME: Final = datetime(9999, 1, 1, tzinfo=UTC)
#: How long concluded jobs are kept.
KEEP: Final = {
    State.SUCCEEDED: timedelta(days=30),
    State.CANCELLED: timedelta(days=30),
    State.FAILED: timedelta(days=180),
}
PURGE_BATCH: Final = 1000


class NotAllowed(Exception):
    """The job's state does not allow what was asked. ``str()`` of it is a sentence for a person."""

    def __init__(self, message: str | Promise) -> None:
        super().__init__(message)


# Whose turn: after the queue's virtual clock and after the owner's own last ready job, so that a thousand jobs of one
# owner are interleaved with the one of another (start-time fair queueing). Two submitters at once may get the same
# turn; that is a tie, not an error.
_INSERT: Final = """
    INSERT INTO jobs_job (id, code, task, queue, arguments, owner_id, fair_key, parent_id, dedupe_key, trace_id, run_at,
                          ring_at, turn, children_left)
    SELECT item.id, item.code, %(task)s, %(queue)s::varchar, item.arguments::jsonb, %(owner)s::bigint,
           %(fair_key)s::bigint, %(parent)s::uuid, %(dedupe_key)s::text, %(trace_id)s,
           coalesce(%(run_at)s::timestamptz, now()), coalesce(%(ring_at)s::timestamptz, now()),
           CASE WHEN coalesce(%(ring_at)s::timestamptz, now()) <= now() THEN
               item.place + greatest(1,
                   (SELECT turn FROM jobs_queuestate WHERE name = %(queue)s::varchar),
                   (SELECT max(turn) + 1 FROM jobs_job
                     WHERE queue = %(queue)s::varchar AND fair_key = %(fair_key)s::bigint AND turn IS NOT NULL))
           END,
           %(children_left)s::int
      FROM {items}
    ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND state IN ('waiting', 'running') DO NOTHING
    RETURNING id, created_at, run_at{told}
"""
# A request submits one job, and arrays would cost it a quarter more.
_ONE: Final = "(VALUES (%(id)s::uuid, %(code)s::text, %(arguments)s::text, 0)) AS item(id, code, arguments, place)"
_MANY: Final = """
    (SELECT id, code, arguments, number - 1
       FROM unnest(%(id)s::uuid[], %(code)s::text[], %(arguments)s::text[])
            WITH ORDINALITY AS row(id, code, arguments, number)) AS item(id, code, arguments, place)
"""
# PostgreSQL folds the same word of one transaction into one.
_TOLD: Final = ", pg_notify('jobs', queue)"

_INSERT_ONE: Final = _INSERT.format(items=_ONE, told="")
_INSERT_MANY: Final = _INSERT.format(items=_MANY, told="")
_INSERT_ONE_AND_NOTIFY: Final = _INSERT.format(items=_ONE, told=_TOLD)
_INSERT_MANY_AND_NOTIFY: Final = _INSERT.format(items=_MANY, told=_TOLD)


def submit(
    task: JobTask,
    *,
    owner: AbstractUser | None = None,
    run_at: datetime | None = None,
    dedupe_key: str | None = None,
    parent: Job | None = None,
    **arguments: Any,
) -> Job:
    """Submits one job in the caller's transaction: it exists if and when that commits. Never talks to the broker.

    ``run_at``: not before then. ``dedupe_key``: where a job with the same key is waiting or running, that one is
    returned and nothing is submitted. ``parent``: the job this one is part of. Raises TypeError where ``arguments`` are
    not what the task takes.
    """
    task.check(arguments)
    while True:
        rows = _insert(task, [arguments], owner=owner, run_at=run_at, dedupe_key=dedupe_key, parent=parent)
        if rows:
            return rows[0]
        active = Job.objects.filter(dedupe_key=dedupe_key, state__in=(State.WAITING, State.RUNNING)).first()
        if active is not None:
            return active  # where it concluded in between, ours can be inserted now


def submit_many(
    task: JobTask,
    items: Iterable[Mapping[str, Any]],
    *,
    owner: AbstractUser | None = None,
    run_at: datetime | None = None,
    parent: Job | None = None,
) -> list[UUID]:
    """Submits one job per mapping of arguments, in one statement; returns their ids in order. As ``submit``."""
    many = list(items)
    for arguments in many:
        task.check(arguments)
    return [job.id for job in _insert(task, many, owner=owner, run_at=run_at, parent=parent)] if many else []


def submit_group(
    children: Sequence[tuple[JobTask, Mapping[str, Any]]],
    *,
    then: JobTask,
    owner: AbstractUser | None = None,
    **arguments: Any,
) -> Job:
    """Submits ``children`` and a parent ``then(**arguments)`` that starts once all of them have concluded, however they
    did: its body looks at ``current().children_failed``. Returns the parent."""
    then.check(arguments)
    for task, child_arguments in children:
        task.check(child_arguments)
    with transaction.atomic():
        (parent,) = _insert(
            then, [arguments], owner=owner, ring_at=NOT_BY_TIME if children else None, children_left=len(children)
        )
        by_task: dict[str, tuple[JobTask, list[Mapping[str, Any]]]] = {}
        for task, child_arguments in children:
            by_task.setdefault(task.name, (task, []))[1].append(child_arguments)
        for task, many in by_task.values():
            _insert(task, many, owner=owner, parent=parent)
    return parent


def _insert(
    task: JobTask,
    items: Sequence[Mapping[str, Any]],
    *,
    owner: AbstractUser | None = None,
    run_at: datetime | None = None,
    ring_at: datetime | None = None,
    dedupe_key: str | None = None,
    parent: Job | None = None,
    children_left: int = 0,
) -> list[Job]:
    queue = task.queue
    if ring_at is None and run_at is not None:
        ring_at = run_at - timedelta(seconds=queue.eta_ahead)
    trace = trace_id.get() or new_trace_id()
    ids = [uuid7() for _ in items]
    codes = [new_code() for _ in items]
    owner_id = _id_of(owner)
    documents = [json.dumps(item, ensure_ascii=False) for item in items]
    notify = queue.interactive and run_at is None and not children_left
    if len(items) == 1:
        insert = _INSERT_ONE_AND_NOTIFY if notify else _INSERT_ONE
        what: dict[str, Any] = {"id": ids[0], "code": codes[0], "arguments": documents[0]}
    else:
        insert = _INSERT_MANY_AND_NOTIFY if notify else _INSERT_MANY
        what = {"id": ids, "code": codes, "arguments": documents}
    rows = db.fetch(
        insert,
        {
            **what,
            "queue": queue.name,
            "task": task.name,
            "fair_key": owner_id or 0,
            "owner": owner_id,
            "parent": None if parent is None else parent.pk,
            "dedupe_key": dedupe_key,
            "trace_id": trace,
            "run_at": run_at,
            "ring_at": ring_at,
            "children_left": children_left,
        },
    )
    inserted = {row[0]: row for row in rows}
    return [
        Job(
            id=job_id,
            code=code,
            task=task.name,
            queue=queue.name,
            arguments=dict(item),
            owner_id=owner_id,
            parent=parent,
            dedupe_key=dedupe_key,
            trace_id=trace,
            created_at=inserted[job_id][1],
            run_at=inserted[job_id][2],
            children_left=children_left,
        )
        for job_id, code, item in zip(ids, codes, items, strict=True)
        if job_id in inserted
    ]


def submit_scheduled(task: JobTask, *, schedule: str, window: datetime, arguments: Mapping[str, Any]) -> Job | None:
    """Submits the run of ``schedule`` for ``window`` (its due time). None where that has been done already, by another
    beat perhaps."""
    with transaction.atomic():
        run, created = ScheduledRun.objects.get_or_create(schedule=schedule, window=window)
        if not created:
            return None
        run.job = submit(task, **arguments)
        run.save(update_fields=["job"])
        return run.job


def cancel(job: Job, *, actor: AbstractUser | None = None) -> Job:
    """Cancels a waiting job (and its waiting children) at once; tells the worker of a running one, which stops where it
    is safe. Raises NotAllowed for a job that is over."""
    with transaction.atomic():
        # Children before their parent, as when they conclude: the other way round the two could wait for each other.
        list(Job.objects.filter(parent_id=job.pk).order_by("pk").select_for_update(no_key=True).values_list("pk"))
        row = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
        if row.state not in CANCELLABLE:
            raise NotAllowed(_("This job is already over, so there is nothing to cancel."))
        if row.cancel_requested_at is None:
            JobEvent.objects.create(
                job=row, kind=JobEvent.Kind.CANCEL_REQUESTED, attempt=row.attempt, actor_id=_id_of(actor)
            )
            family = Job.objects.filter(Q(pk=row.pk) | Q(parent_id=row.pk))
            _cancel_waiting(family)
            family.filter(state=State.RUNNING, cancel_requested_at=None).update(cancel_requested_at=Now())
    job.refresh_from_db()
    return job


def _id_of(person: AbstractUser | None) -> int | None:
    return None if person is None else person.pk


def _cancel_waiting(jobs: QuerySet[Job]) -> int:
    """Cancels those of ``jobs`` that wait, and tells their parents. ``rings`` stays where a doorbell went out
    ahead of time: the dispatcher revokes it."""
    ids = list(jobs.filter(state=State.WAITING).values_list("pk", flat=True))
    if not ids:
        return 0
    done = """
        UPDATE jobs_job SET state = 'cancelled', finished_at = now(), turn = NULL,
               rings = CASE WHEN queue = ANY(%s) THEN rings ELSE 0 END
         WHERE id = ANY(%s) AND state = 'waiting' RETURNING id, parent_id, state
    """
    rung_ahead = [queue.name for queue in queues.all_queues() if queue.eta_ahead]
    return len(db.fetch(f"WITH done AS ({done}), heard AS ({PARENT_HEARS}) SELECT id FROM done", (rung_ahead, ids)))


def retry(job: Job, *, actor: AbstractUser | None = None) -> Job:
    """Gives a failed or cancelled job a fresh start, now. Raises NotAllowed for any other, and where a job with the
    same dedupe key is active."""
    with transaction.atomic():
        if job.dedupe_key:
            twin = Job.objects.filter(dedupe_key=job.dedupe_key, state__in=(State.WAITING, State.RUNNING)).first()
            if twin is not None:
                raise NotAllowed(_("The same job is already under way as %(code)s.") % {"code": twin.shown_code})
        restarted = db.fetch(
            """
            UPDATE jobs_job
               SET state = 'waiting', finished_at = NULL, cancel_requested_at = NULL, failures = 0, deaths = 0,
                   result = NULL, error_class = '', error_message = '', error_detail = '', done = 0, total = NULL,
                   run_at = now(), ring_at = now(), rings = 0, children_left = 0
             WHERE id = %s AND state IN ('failed', 'cancelled') RETURNING parent_id
            """,
            (job.pk,),
        )
        if not restarted:
            raise NotAllowed(_("Only a failed or cancelled job can be tried again."))
        # A parent that still waits for its other children waits for this one again.
        Job.objects.filter(pk=restarted[0][0], state=State.WAITING, children_left__gt=0).update(
            children_left=F("children_left") + 1, children_failed=F("children_failed") - 1
        )
        JobEvent.objects.create(job=job, kind=JobEvent.Kind.RETRIED, attempt=job.attempt, actor_id=_id_of(actor))
    job.refresh_from_db()
    return job


def requeue(job: Job, *, actor: AbstractUser | None = None) -> Job:
    """Rings a waiting job again now, ahead of the queue and of its time. Raises NotAllowed for any other."""
    with transaction.atomic():
        rung = db.fetch(
            """
            UPDATE jobs_job SET turn = 0, ring_at = now(), run_at = least(run_at, now())
             WHERE id = %s AND state = 'waiting' AND children_left = 0 RETURNING 1
            """,
            (job.pk,),
        )
        if not rung:
            raise NotAllowed(_("Only a job that waits, and not for its parts, can be rung again."))
        JobEvent.objects.create(job=job, kind=JobEvent.Kind.REQUEUED, attempt=job.attempt, actor_id=_id_of(actor))
    job.refresh_from_db()
    return job


def pause_queue(name: str, *, actor: AbstractUser | None = None, now: datetime | None = None) -> None:
    """No job of the queue is rung until it is resumed; those under way go on. Raises UnknownQueue."""
    queues.get(name)
    QueueState.objects.get_or_create(name=name)
    QueueState.objects.filter(name=name, paused_at=None).update(
        paused_at=now or timezone.now(), paused_by_id=_id_of(actor)
    )


def resume_queue(name: str, *, actor: AbstractUser | None = None) -> None:  # noqa: ARG001 (who resumed is in the admin's log)
    """Undoes ``pause_queue``. Raises UnknownQueue."""
    queues.get(name)
    QueueState.objects.filter(name=name).update(paused_at=None, paused_by=None)


def purge(now: datetime) -> int:
    """Deletes concluded jobs older than ``KEEP`` and rows of processes long gone. Returns how many jobs it deleted."""
    deleted = 0
    for state, age in KEEP.items():
        old = Job.objects.filter(state=state, finished_at__lt=now - age).order_by("finished_at")
        while ids := list(old.values_list("pk", flat=True)[:PURGE_BATCH]):
            Job.objects.filter(pk__in=ids).delete()
            deleted += len(ids)
    Worker.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
    ScheduledRun.objects.filter(window__lt=now - timedelta(days=90)).delete()
    return deleted
