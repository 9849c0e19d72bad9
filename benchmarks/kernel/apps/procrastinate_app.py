"""procrastinate through its own Django app, in a virtual environment of its own.

With its documentation's recipe for jobs of dead workers, as often as its cron allows: every minute.
"""

# mypy: disable-error-code="import-not-found,untyped-decorator"
# It lives in another virtual environment than the checker.

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.kernel.apps.procrastinate_settings")
django.setup()

from django.db import transaction  # noqa: E402
from procrastinate.contrib.django import app  # noqa: E402

from benchmarks.kernel import body  # noqa: E402

__all__ = ["app", "submit", "submit_in_transaction", "submit_later", "work"]

BATCH = 1000


@app.task(name="bench.work")
def work(*, key: str, seconds: float = 0.0) -> None:
    body.work(key, seconds)


@app.periodic(cron="* * * * *")
@app.task(name="bench.retry_stalled_jobs", queueing_lock="retry_stalled_jobs", pass_context=True)
async def retry_stalled_jobs(context: Any, timestamp: int) -> None:  # noqa: ARG001 (procrastinate passes it)
    for stalled in await context.app.job_manager.get_stalled_jobs():
        await context.app.job_manager.retry_job(stalled)


def submit(key: str, seconds: float = 0.0) -> None:
    """What a request does: one transaction."""
    with transaction.atomic():
        submit_in_transaction(key, seconds)


def submit_in_transaction(key: str, seconds: float = 0.0) -> None:
    work.defer(key=key, seconds=seconds)


def submit_later(count: int, seconds: float) -> None:
    """Defers ``count`` jobs due in ``seconds``."""
    deferrer = work.configure(schedule_in={"seconds": seconds})
    for start in range(0, count, BATCH):
        keys = range(start, min(start + BATCH, count))
        deferrer.batch_defer(*({"key": f"later-{key}"} for key in keys))
