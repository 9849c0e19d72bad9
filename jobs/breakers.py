"""Circuit breakers shared by all workers: one per outside system, kept in a row that operators see and can force.

A neighbour that fails often is left alone for a while instead of holding every worker up; then one call at a time tries
whether it is well again.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.contrib.auth.models import AbstractUser
from django.utils.translation import gettext as _

from jobs import db
from jobs.models import Breaker
from jobs.task import Permanent, Transient

#: Seconds over which calls are counted, the calls needed before they mean something, and the failing share that opens.
WINDOW: Final = 60
LEAST_CALLS: Final = 5
FAILING_SHARE: Final = 0.5
#: Seconds it stays open the first time; doubles with every failed trial, up to the second figure.
OPEN_FOR: Final = (15, 600)
#: Seconds a trial may take before another may be made.
TRIAL: Final = 60


class BreakerOpen(Transient):
    """The neighbour is being left alone; the job comes back when a call is allowed again."""


_MAY_CALL: Final = """
    INSERT INTO jobs_breaker (name) VALUES (%(name)s)
    ON CONFLICT (name) DO UPDATE SET
        state = CASE WHEN jobs_breaker.state = 'closed' OR jobs_breaker.forced THEN jobs_breaker.state
                     WHEN jobs_breaker.retry_at <= now() AND coalesce(jobs_breaker.trial_until, now()) <= now()
                     THEN 'half_open' ELSE jobs_breaker.state END,
        trial_until = CASE WHEN jobs_breaker.state <> 'closed' AND NOT jobs_breaker.forced
                            AND jobs_breaker.retry_at <= now() AND coalesce(jobs_breaker.trial_until, now()) <= now()
                           THEN now() + make_interval(secs => %(trial)s) ELSE jobs_breaker.trial_until END,
        reason = jobs_breaker.reason
    RETURNING state, forced, trial_until = now() + make_interval(secs => %(trial)s),
              greatest(extract(epoch FROM retry_at - now()), 1)::float8
"""


@contextmanager
def breaker(name: str) -> Iterator[None]:
    """Guards one call to the neighbour ``name``. Raises BreakerOpen where it is being left alone.

    What rises inside counts as a failure of the neighbour, unless it is a ``Permanent`` (it answered: it is well).
    """
    ((state, _forced, is_trial, wait),) = db.fetch(_MAY_CALL, {"name": name, "trial": TRIAL})
    if state == Breaker.State.OPEN or (state == Breaker.State.HALF_OPEN and not is_trial):
        raise BreakerOpen(
            _("%(name)s is not answering, so we are giving it a rest. It will be tried again by itself.")
            % {"name": name},
            retry_in=(wait or 1.0) * (1 + random.random() / 4),  # noqa: S311
        )
    try:
        yield
    except Permanent:
        _record(name, failed=False)
        raise
    except Exception as error:
        _record(name, failed=True, reason=f"{type(error).__name__}: {error}"[:500])
        raise
    _record(name, failed=False)


_RECORD: Final = """
    WITH now_counted AS (
        SELECT name,
               CASE WHEN stale THEN 0 ELSE calls END + 1 AS calls,
               CASE WHEN stale THEN 0 ELSE failures END + %(failed)s::int AS failures,
               stale, CASE WHEN state = 'half_open' THEN %(failed)s::int = 1 END AS trial_failed
          FROM (SELECT *, window_started_at < now() - make_interval(secs => %(window)s) AS stale
                  FROM jobs_breaker WHERE name = %(name)s FOR UPDATE) b
    ), verdict AS (
        SELECT *, CASE WHEN trial_failed THEN 'open'
                       WHEN NOT trial_failed THEN 'closed'
                       WHEN calls >= %(least)s AND failures >= calls * %(share)s::float8 AND %(failed)s::int = 1
                       THEN 'open'
                  END AS move
          FROM now_counted
    )
    UPDATE jobs_breaker b SET
        calls = CASE WHEN v.move IS NOT NULL THEN 0 ELSE v.calls END,
        failures = CASE WHEN v.move IS NOT NULL THEN 0 ELSE v.failures END,
        window_started_at = CASE WHEN v.stale OR v.move IS NOT NULL THEN now() ELSE b.window_started_at END,
        state = CASE WHEN b.forced THEN b.state ELSE coalesce(v.move, b.state) END,
        changed_at = CASE WHEN b.forced OR v.move IS NULL OR v.move = b.state THEN b.changed_at ELSE now() END,
        opened_at = CASE WHEN v.move = 'open' THEN now() ELSE b.opened_at END,
        openings = CASE WHEN v.move = 'open' THEN least(b.openings + 1, 30) WHEN v.move = 'closed' THEN 0
                        ELSE b.openings END,
        retry_at = CASE WHEN v.move = 'open'
                        THEN now() + make_interval(secs => least(%(longest)s, %(first)s * 2 ^ b.openings))
                        ELSE b.retry_at END,
        trial_until = CASE WHEN v.move IS NOT NULL THEN NULL ELSE b.trial_until END,
        reason = CASE WHEN %(failed)s::int = 1 AND NOT b.forced THEN %(reason)s ELSE b.reason END
      FROM verdict v WHERE b.name = v.name
"""


def _record(name: str, *, failed: bool, reason: str = "") -> None:
    db.fetch(
        _RECORD,
        {
            "name": name,
            "failed": int(failed),
            "reason": reason,
            "window": WINDOW,
            "least": LEAST_CALLS,
            "share": FAILING_SHARE,
            "first": OPEN_FOR[0],
            "longest": OPEN_FOR[1],
        },
    )


def force_open(name: str, reason: str, actor: AbstractUser) -> None:
    """Stops all calls to ``name`` until it is released."""
    _force(name, Breaker.State.OPEN, f"{actor.get_username()}: {reason}")


def force_closed(name: str, reason: str, actor: AbstractUser) -> None:
    """Lets all calls to ``name`` through, however many fail, until it is released."""
    _force(name, Breaker.State.CLOSED, f"{actor.get_username()}: {reason}")


def _force(name: str, state: str, reason: str) -> None:
    db.fetch(
        """
        INSERT INTO jobs_breaker (name, state, forced, reason) VALUES (%s, %s, true, %s)
        ON CONFLICT (name) DO UPDATE SET state = excluded.state, forced = true, reason = excluded.reason,
                                         changed_at = now(), trial_until = NULL
        """,
        (name, state, reason),
    )


def release(name: str, actor: AbstractUser) -> None:
    """Ends what an operator forced: the breaker starts healthy and counts anew."""
    db.fetch(
        """
        UPDATE jobs_breaker SET forced = false, state = 'closed', reason = %s, calls = 0, failures = 0, openings = 0,
               window_started_at = now(), changed_at = now(), retry_at = NULL, trial_until = NULL
         WHERE name = %s
        """,
        (f"{actor.get_username()}: released", name),
    )
