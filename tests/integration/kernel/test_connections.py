"""A worker's child keeps its database connection from one job to the next, and replaces a dead one by itself."""

import psycopg
import pytest
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection

from config.celery import app
from jobs import db, worker

pytestmark = pytest.mark.django_db(transaction=True)


def between_two_tasks() -> None:
    task = app.tasks["harness.nothing"]
    fixup = DjangoWorkerFixup(app)
    fixup.on_task_postrun(sender=task)
    fixup.on_task_prerun(sender=task)
    worker._between_tasks()


def backend() -> int:
    return db.fetch("SELECT pg_backend_pid()")[0][0]


def test_the_connection_is_kept_between_two_tasks() -> None:
    before = backend()
    between_two_tasks()
    assert backend() == before


def test_a_connection_that_is_too_old_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    before = backend()
    monkeypatch.setattr(connection, "close_at", 0)  # long ago
    between_two_tasks()
    assert backend() != before


def test_a_connection_that_died_between_two_tasks_costs_no_job() -> None:
    before = backend()
    between_two_tasks()
    with psycopg.connect(connection.connection.info.dsn, password=connection.connection.info.password) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
    after = db.outlasting_outages(lambda again: (backend(), again), patience=5)
    assert after[0] != before
    assert after[1]  # it was found dead by the work itself, not by a question asked before every job


def test_the_kernels_statements_are_prepared_once_per_connection() -> None:
    for number in range(3):
        db.fetch("SELECT %s::int AS asked", (number,))
    prepared = db.fetch(
        "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT $1::int AS asked'"
    )
    assert prepared == [(3,)]
