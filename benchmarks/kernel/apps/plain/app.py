"""The Celery application: acks late, lost workers' jobs rejected back to the queue; on RabbitMQ quorum queues and
publisher confirms. ``PLAIN_RESULTS=yes`` keeps results with django-celery-results; ``PLAIN_VISIBILITY`` (seconds) and
``PLAIN_TIMEOUTS=yes`` are what people tune on Redis and against a frozen broker."""

# mypy: disable-error-code="attr-defined"
# This project has settings of its own, and the checker reads the product's.

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.kernel.apps.plain.settings")
django.setup()

from celery import Celery  # noqa: E402
from django.db import transaction  # noqa: E402

from benchmarks.kernel import body  # noqa: E402
from benchmarks.kernel.apps.plain.models import Work  # noqa: E402

__all__ = ["app", "submit", "submit_in_transaction", "submit_later", "work"]

BROKER = os.environ["CELERY_BROKER_URL"]
RESULTS = os.environ.get("PLAIN_RESULTS") == "yes"

app = Celery("plain", broker=BROKER)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
    worker_send_task_events=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_ignore_result=not RESULTS,
    result_backend="django-db" if RESULTS else None,
    broker_transport_options={},
)
if BROKER.startswith("amqp"):
    app.conf.task_default_queue_type = "quorum"
    app.conf.broker_transport_options = {"confirm_publish": True}
elif "PLAIN_VISIBILITY" in os.environ:
    app.conf.broker_transport_options = {"visibility_timeout": int(os.environ["PLAIN_VISIBILITY"])}
if os.environ.get("PLAIN_TIMEOUTS") == "yes":
    app.conf.task_publish_retry = False
    app.conf.broker_transport_options |= (
        {"read_timeout": 2, "write_timeout": 2, "confirm_timeout": 2, "max_retries": 0}
        if BROKER.startswith("amqp")
        else {"socket_timeout": 2, "socket_connect_timeout": 2, "max_retries": 0}
    )


@app.task(name="bench.work")
def work(*, key: str, seconds: float = 0.0) -> None:
    body.work(key, seconds)


def submit(key: str, seconds: float = 0.0) -> None:
    """What a request does: one transaction, and the publish after it."""
    with transaction.atomic():
        submit_in_transaction(key, seconds)


def submit_in_transaction(key: str, seconds: float = 0.0) -> None:
    Work.objects.create(key=key, seconds=seconds)
    work.delay_on_commit(key=key, seconds=seconds)


def submit_later(count: int, seconds: float) -> None:
    """Publishes ``count`` jobs due in ``seconds``. Their rows are left out: it is the messages that wait."""
    for number in range(count):
        work.apply_async(kwargs={"key": f"later-{number}"}, countdown=seconds)
