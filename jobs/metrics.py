"""Metrics for Prometheus, read from the database when they are asked for, so that every web process tells the same.

Nothing here grows with the number of jobs that are over: waiting and running ones are found by partial indexes, and
what is over has been added up by workers as it ended (``jobs.tally``).
"""

import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.db import Error, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from jobs import processes, queries, ringing, tally
from jobs.models import Breaker, TaskTally

#: Milliseconds that one statement may take. A scrape that is late is worth less than the database's time.
STATEMENT_TIMEOUT: Final = 5000
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever has METRICS_TOKEN; for operators; without a token set, also for this machine."""
    if not _may_scrape(request):
        if settings.METRICS_TOKEN:
            return HttpResponse(status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    registry = CollectorRegistry()
    registry.register(JobsCollector(timezone.now()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        return HttpResponse(encode(registry), content_type=content_type)
    except Error as error:
        return HttpResponse(f"The database did not answer: {error}", status=503, content_type="text/plain")


def _may_scrape(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and secrets.compare_digest(given.encode(), token.encode()):
        return True
    # Through a proxy on this machine everybody comes from loopback.
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if not token and not forwarded and request.META.get("REMOTE_ADDR") in _LOOPBACK:
        return True
    return request.user.is_authenticated and queries.may_operate(request.user)


class JobsCollector(Collector):
    """The state of the jobs at ``now``."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def describe(self) -> Iterator[Metric]:
        # Without it, registering would collect once in order to learn the names.
        yield from ()

    def collect(self) -> Iterator[Metric]:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = %s", [STATEMENT_TIMEOUT])
            yield from [*self._queues(), *self._processes(), *self._breakers(), *self._tallies()]

    def _queues(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily(
            "backroom_jobs",
            "Jobs that are not over: ready to be rung for, rung for, asleep until their time, running.",
            labels=["queue", "state"],
        )
        oldest = GaugeMetricFamily(
            "backroom_queue_oldest_due_age_seconds",
            "How long the oldest due job has waited; 0: none.",
            labels=["queue"],
        )
        alert = GaugeMetricFamily(
            "backroom_queue_alert_age_seconds", "The age at which someone is told.", labels=["queue"]
        )
        workers = GaugeMetricFamily("backroom_queue_workers", "Live worker processes.", labels=["queue"])
        children = GaugeMetricFamily("backroom_queue_children", "Jobs they can run at once.", labels=["queue"])
        paused = GaugeMetricFamily("backroom_queue_paused", "1 where an operator has paused it.", labels=["queue"])
        for queue in queries.queue_overview(self.now):
            for state in ("ready", "rung", "asleep", "running"):
                jobs.add_metric([queue.name, state], getattr(queue, state))
            oldest.add_metric([queue.name], queue.oldest_age or 0.0)
            alert.add_metric([queue.name], queue.alert_age)
            workers.add_metric([queue.name], queue.workers)
            children.add_metric([queue.name], queue.children)
            paused.add_metric([queue.name], queue.paused_at is not None)
        yield from (jobs, oldest, alert, workers, children, paused)
        yield GaugeMetricFamily(
            "backroom_dispatcher_lag_seconds",
            "How long past its time the first job is that the dispatcher should have made ready; 0: none.",
            value=max(0.0, -(ringing.seconds_until_due() or 0.0)),
        )

    def _processes(self) -> Iterator[Metric]:
        alive = Counter(process.kind for process in processes.live(self.now))
        family = GaugeMetricFamily("backroom_processes", "Live processes.", labels=["kind"])
        for kind in ("worker", "dispatcher", "beat"):
            family.add_metric([kind], alive[kind])
        yield family

    def _breakers(self) -> Iterator[Metric]:
        state = GaugeMetricFamily("backroom_breaker_state", "1 for the state it is in.", labels=["breaker", "state"])
        forced = GaugeMetricFamily("backroom_breaker_forced", "1 where an operator holds it.", labels=["breaker"])
        for breaker in Breaker.objects.order_by("name"):
            for each in Breaker.State.values:
                state.add_metric([breaker.name, each], breaker.state == each)
            forced.add_metric([breaker.name], breaker.forced)
        yield from (state, forced)

    def _tallies(self) -> Iterator[Metric]:
        labels = ["task", "queue", "outcome"]
        total = CounterMetricFamily(
            "backroom_attempts",
            "Attempts that ended: succeeded, retried, failed, cancelled, died (with a worker), fenced (lease lost).",
            labels=labels,
        )
        seconds = HistogramMetricFamily("backroom_attempt_seconds", "How long attempts took.", labels=labels)
        bugs = CounterMetricFamily("backroom_bugs", "Attempts that ended in an error nobody foresaw.", labels=["task"])
        for row in TaskTally.objects.order_by("task", "queue", "outcome"):
            if row.outcome == "bug":
                bugs.add_metric([row.task], row.count)
                continue
            key = [row.task, row.queue, row.outcome]
            total.add_metric(key, row.count)
            if row.outcome != "died":  # nobody was left who knew how long it took
                seconds.add_metric(key, buckets=_cumulative(row.buckets), sum_value=row.seconds)
        yield from (total, seconds, bugs)


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    """Prometheus's buckets (upper bound, all counts up to it) from those of a tally (counts of each bucket alone)."""
    bounds = [*map(str, tally.BOUNDS), "+Inf"]
    return [(bound, sum(counts[: place + 1])) for place, bound in enumerate(bounds)]
