"""Whether this process lives, and whether it can serve people.

``live`` touches nothing, so that a sick database never makes an orchestrator kill healthy processes. ``ready`` asks the
database, in bounded time, and nothing else: what it says about workers comes from the rows that they write. The broker
is not asked at all. Without it people are served as well as ever, jobs only start later, and a frozen one would hang
whoever asks it.
"""

import logging
from concurrent.futures import Future
from datetime import datetime
from threading import Lock, Thread
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs import processes, queues

log = logging.getLogger(__name__)

#: Seconds that the database may take to answer all of it.
PATIENCE: Final = 3.0

OK: Final = "ok"
DEGRADED: Final = "degraded"
UNAVAILABLE: Final = "unavailable"

Checks = dict[str, dict[str, Any]]

_lock: Final = Lock()
_asking: Future[Checks] | None = None
_migrated = False


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """200 as long as the process answers at all."""
    return JsonResponse({"status": OK})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """200 while people can be served (``ok``, or ``degraded`` where background work is not), else 503."""
    checks = checks_within(PATIENCE)
    found = {check["status"] for check in checks.values()}
    status = next(worst for worst in (UNAVAILABLE, DEGRADED, OK) if worst in found)
    return JsonResponse({"status": status, "checks": checks}, status=503 if status == UNAVAILABLE else 200)


def checks_within(patience: float) -> Checks:
    """The state of the parts by name, after at most ``patience`` seconds.

    A frozen server cannot be left by a time-out of its own, so a thread asks it; while that thread hangs, later probes
    wait for the same answer instead of adding connections.
    """
    global _asking  # noqa: PLW0603
    with _lock:
        if _asking is None or _asking.done():
            _asking = Future()
            Thread(target=_answer, args=(_asking,), name="health", daemon=True).start()
        asking = _asking
    try:
        return asking.result(timeout=patience)
    except TimeoutError:
        return {"database": {"status": UNAVAILABLE, "detail": f"no answer within {patience:g} s"}}


def _answer(future: "Future[Checks]") -> None:
    try:
        future.set_result(_checks(timezone.now()))
    except Exception as error:  # noqa: BLE001 (handed to whoever waits)
        future.set_exception(error)
    finally:
        connections.close_all()


def _checks(now: datetime) -> Checks:
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SELECT 1")
        checks: Checks = {"database": {"status": OK}, "migrations": _migrations()}
        if checks["migrations"]["status"] == OK:
            checks |= _processes(now)
    except Error as error:
        log.warning("Not ready: %s", error)
        return {"database": {"status": UNAVAILABLE, "detail": "no connection"}}
    return checks


def _migrations() -> dict[str, Any]:
    global _migrated  # noqa: PLW0603
    if not _migrated:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        missing = [f"{m.app_label}.{m.name}" for m, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
        if missing:
            return {"status": UNAVAILABLE, "missing": missing}
        _migrated = True  # this release's migrations stay applied
    return {"status": OK}


def _processes(now: datetime) -> Checks:
    alive = list(processes.live(now))
    served = {name for worker in alive for name in worker.queues}
    unserved = [queue.name for queue in queues.all_queues() if queue.name not in served]
    kinds = [process.kind for process in alive]
    return {
        "workers": {
            "status": DEGRADED if unserved else OK,
            "alive": kinds.count("worker"),
            "queues_without_worker": unserved,
        },
        **{
            kind: {"status": OK if kind in kinds else DEGRADED, "alive": kinds.count(kind)}
            for kind in ("dispatcher", "beat")
        },
    }
