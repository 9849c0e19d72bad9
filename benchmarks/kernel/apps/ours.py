"""The kernel: the product's own settings, Celery app and dispatcher, with one more job."""

import os
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.kernel import body  # noqa: E402
from config.celery import app  # noqa: E402
from jobs import services  # noqa: E402
from jobs.task import current, job  # noqa: E402

__all__ = ["app", "submit", "submit_in_transaction", "submit_later", "work"]

app.conf.imports = (*app.conf.imports, "benchmarks.kernel.apps.ours")
#: Jobs that one statement submits ahead of time.
BATCH = 1000


# Random kills must not count as poison: in the kill-test one job may lose its worker many times.
@job(queue="sync", name="bench.work", attempts=1000, backoff=0.1, deaths=1000)
def work(*, key: str, seconds: float = 0.0) -> None:
    body.work(key, seconds, still_ours=current().checkpoint)


def submit(key: str, seconds: float = 0.0) -> None:
    """What a request does: one transaction."""
    with transaction.atomic():
        submit_in_transaction(key, seconds)


def submit_in_transaction(key: str, seconds: float = 0.0) -> None:
    services.submit(work, key=key, seconds=seconds)


def submit_later(count: int, seconds: float) -> None:
    """Submits ``count`` jobs due in ``seconds``."""
    run_at = timezone.now() + timedelta(seconds=seconds)
    for start in range(0, count, BATCH):
        keys = range(start, min(start + BATCH, count))
        services.submit_many(work, [{"key": f"later-{key}"} for key in keys], run_at=run_at)
