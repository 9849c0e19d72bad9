"""Which doorbells to ring, and when: the dispatcher's SQL.

Only a small window of messages per queue is out at the broker. The backlog stays in the table, where order and fairness
between owners are decided, and a job that starts again after its worker died need not wait behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from jobs import db, queues

#: Seconds after which a doorbell that nobody answered is rung again; doubles with every ring, RING_DOUBLINGS times.
RING_AGAIN: Final = 4
RING_DOUBLINGS: Final = 4
#: Rows that are made ready in one statement.
ADMIT_BATCH: Final = 2000


@dataclass(frozen=True, slots=True)
class Doorbell:
    """One message to publish. ``eta``: only where the queue's doorbells go out ahead of time. ``expires``: seconds."""

    job_id: UUID
    task: str
    queue: str
    message: str
    run_at: datetime
    expires: int
    ahead: float


def make_known() -> None:
    """Sees to it that each queue of the table has its row."""
    db.fetch(
        "INSERT INTO jobs_queuestate (name) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
        ([queue.name for queue in queues.all_queues()],),
    )


# First-time jobs take their turn as at submission; what was rung before, tried before or rung by hand goes first.
_ADMIT: Final = """
    WITH due AS (
        SELECT id, queue, fair_key, rings > 0 OR attempt > 0 AS first
          FROM jobs_job WHERE state = 'waiting' AND turn IS NULL AND ring_at <= now()
         ORDER BY ring_at LIMIT %s FOR UPDATE SKIP LOCKED
    ), placed AS (
        SELECT id, first, queue, fair_key, row_number() OVER (PARTITION BY queue, fair_key, first ORDER BY id) AS place
          FROM due
    ), base AS (
        SELECT k.queue, k.fair_key,
               greatest(1, coalesce(q.turn, 0),
                   coalesce((SELECT max(j.turn) + 1 FROM jobs_job j WHERE j.queue = k.queue
                                AND j.fair_key = k.fair_key AND j.turn IS NOT NULL), 0)) AS turn
          FROM (SELECT DISTINCT queue, fair_key FROM due WHERE NOT first) k
          LEFT JOIN jobs_queuestate q ON q.name = k.queue
    )
    UPDATE jobs_job j SET turn = CASE WHEN p.first THEN 0 ELSE b.turn + p.place - 1 END
      FROM placed p LEFT JOIN base b ON b.queue = p.queue AND b.fair_key = p.fair_key
     WHERE j.id = p.id
    RETURNING 1
"""


def admit_due() -> int:
    """Makes due jobs ready to be rung; returns how many. At most ``ADMIT_BATCH`` at a time."""
    return len(db.fetch(_ADMIT, (ADMIT_BATCH,)))


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """``out``: doorbells rung and not answered yet. ``ready``: whether there is a job to ring."""

    name: str
    out: int
    ready: bool


def loads() -> list[QueueLoad]:
    """Every queue that is not paused."""
    rows = db.fetch("""
        SELECT q.name,
               (SELECT count(*) FROM jobs_job
                 WHERE queue = q.name AND state = 'waiting' AND rings > 0 AND turn IS NULL),
               EXISTS (SELECT 1 FROM jobs_job WHERE queue = q.name AND turn IS NOT NULL)
          FROM jobs_queuestate q WHERE q.paused_at IS NULL
    """)
    return [QueueLoad(*row) for row in rows]


_RING: Final = f"""
    WITH picked AS (
        SELECT id, turn FROM jobs_job WHERE queue = %(queue)s AND turn IS NOT NULL
         ORDER BY turn, id LIMIT %(room)s FOR UPDATE SKIP LOCKED
    ), clock AS (
        UPDATE jobs_queuestate SET turn = p.turn FROM (SELECT max(turn) AS turn FROM picked) p
         WHERE name = %(queue)s AND jobs_queuestate.turn < p.turn
    )
    UPDATE jobs_job j
       SET turn = NULL, rings = least(j.rings + 1, 1000), message = gen_random_uuid()::text,
           ring_at = greatest(now(), j.run_at)
                     + make_interval(secs => {RING_AGAIN} * 2 ^ least(j.rings, {RING_DOUBLINGS}))
      FROM picked p WHERE j.id = p.id
    RETURNING p.turn, j.id, j.task, j.message, j.run_at,
              ({RING_AGAIN} * 2 ^ least(j.rings - 1, {RING_DOUBLINGS}))::int,
              extract(epoch FROM j.run_at - now())::float8
"""


def ring(queue: str, room: int) -> list[Doorbell]:
    """Marks up to ``room`` ready jobs as rung, in their order, and returns what to publish."""
    rows = sorted(db.fetch(_RING, {"queue": queue, "room": room}), key=lambda row: (row[0], row[1]))
    return [Doorbell(row[1], row[2], queue, row[3], row[4], row[5], row[6]) for row in rows]


def not_rung(doorbells: Sequence[Doorbell], *, wait: float = 0) -> None:
    """The broker did not take these: they are ready again, in front, or asleep for ``wait`` seconds."""
    db.fetch(
        """
        UPDATE jobs_job j SET rings = j.rings - 1, ring_at = now() + make_interval(secs => %s),
               turn = CASE WHEN %s = 0 THEN 0 END
          FROM unnest(%s::text[], %s::uuid[]) AS d(message, id)
         WHERE j.id = d.id AND j.message = d.message AND j.state = 'waiting' AND j.rings > 0
        """,
        (wait, wait, [bell.message for bell in doorbells], [bell.job_id for bell in doorbells]),
    )


def take_revocations(eta_queues: Sequence[str]) -> list[str]:
    """Message ids of cancelled jobs whose doorbell may still lie at the broker or in a worker. Each is returned once:
    the row decides, revoking only saves the ring."""
    rows = db.fetch(
        "UPDATE jobs_job SET rings = 0 WHERE queue = ANY(%s) AND state = 'cancelled' AND rings > 0 RETURNING message",
        (list(eta_queues),),
    )
    return [row[0] for row in rows]


def seconds_until_due() -> float | None:
    """Seconds until the next sleeping job is due (negative where it is overdue); None where there is none."""
    rows = db.fetch(
        "SELECT extract(epoch FROM min(ring_at) - now())::float8 FROM jobs_job WHERE state = 'waiting' AND turn IS NULL"
    )
    seconds: float | None = rows[0][0]
    return seconds


def live_children() -> Mapping[str, int]:
    """Child processes of live workers, by queue."""
    rows = db.fetch("""
        SELECT queue, sum(concurrency)::int FROM jobs_worker, unnest(queues) AS queue
         WHERE kind = 'worker' AND seen_at > now() - interval '20 seconds' GROUP BY queue
    """)
    return dict(rows)
