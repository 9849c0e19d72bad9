"""/healthz/live and /healthz/ready, with the database well, gone, frozen and behind the code."""

import socket
import threading
import time

import pytest
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from jobs import health, processes, queues


@pytest.fixture(autouse=True)
def _this_release_has_not_asked_yet(monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)
    monkeypatch.setattr(health, "_asking", None)


def everything_runs() -> None:
    processes.alive("worker@here", kind="worker", queues=[queue.name for queue in queues.all_queues()])
    processes.alive("dispatcher@here", kind="dispatcher")
    processes.alive("beat@here", kind="beat")


def test_live_touches_nothing(client):
    """Without the database fixture any query fails this test."""
    response = client.get("/healthz/live")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}
    assert "no-cache" in response["Cache-Control"]


@pytest.mark.django_db(transaction=True)
class TestReady:
    def test_ok(self, client):
        everything_runs()
        response = client.get("/healthz/ready")
        assert response.status_code == 200
        body = response.json()
        assert body["status"] == "ok"
        assert {name: check["status"] for name, check in body["checks"].items()} == {
            "database": "ok",
            "migrations": "ok",
            "workers": "ok",
            "dispatcher": "ok",
            "beat": "ok",
        }

    def test_without_background_work_people_are_still_served(self, client):
        everything_runs()
        processes.gone("dispatcher@here")
        processes.alive("worker@here", kind="worker", queues=["mail"])

        response = client.get("/healthz/ready")

        assert response.status_code == 200
        body = response.json()
        assert body["status"] == "degraded"
        assert body["checks"]["dispatcher"] == {"status": "degraded", "alive": 0}
        assert "mail" not in body["checks"]["workers"]["queues_without_worker"]
        assert "reports" in body["checks"]["workers"]["queues_without_worker"]

    def test_missing_migrations(self, client, monkeypatch):
        monkeypatch.setattr(health, "_migrated", False)
        ((app, newest),) = MigrationLoader(connection).graph.leaf_nodes("jobs")
        recorder = MigrationRecorder(connection)
        recorder.record_unapplied(app, newest)
        try:
            response = client.get("/healthz/ready")
        finally:
            recorder.record_applied(app, newest)
        assert response.status_code == 503
        assert f"jobs.{newest}" in response.json()["checks"]["migrations"]["missing"]
        assert client.get("/healthz/ready").status_code == 200

    def test_the_thread_that_asks_leaves_no_connection(self, client, monkeypatch):
        used = []
        real = health._checks

        def checks(now):
            answer = real(now)
            used.append(connection.connection)
            return answer

        monkeypatch.setattr(health, "_checks", checks)
        assert client.get("/healthz/ready").status_code == 200
        for thread in threading.enumerate():
            if thread.name == "health":
                thread.join(timeout=10)
        (asked_by,) = used
        assert asked_by.closed

    def test_it_does_not_ask_the_broker(self, client, settings, monkeypatch):
        def refuse(*_args, **_words):
            raise AssertionError("it asked the broker")

        monkeypatch.setattr("kombu.Connection.connect", refuse)
        monkeypatch.setattr("kombu.Connection.ensure_connection", refuse)
        assert client.get("/healthz/ready").status_code == 200


@pytest.fixture
def database_at(monkeypatch):
    """Sends new connections to another port of this machine."""
    return lambda port: monkeypatch.setitem(connections.settings["default"], "PORT", str(port))


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_gone(client, database_at, socket_enabled):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        database_at(unused.getsockname()[1])
        response = client.get("/healthz/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["database"]["status"] == "unavailable"


@pytest.mark.django_db(transaction=True)
def test_a_frozen_database_is_told_in_time_and_by_one_connection(client, database_at, monkeypatch, socket_enabled):
    monkeypatch.setattr(health, "PATIENCE", 0.3)
    frozen = socket.create_server(("127.0.0.1", 0))
    database_at(frozen.getsockname()[1])

    started = time.monotonic()
    answers = [client.get("/healthz/ready") for _ in range(3)]
    took = time.monotonic() - started

    assert [answer.status_code for answer in answers] == [503] * 3
    assert took < 3
    frozen.settimeout(1)
    first, _ = frozen.accept()
    frozen.settimeout(0.1)
    with pytest.raises(TimeoutError):
        frozen.accept()
    first.close()
    frozen.close()
    assert health._asking is not None
    assert health._asking.result(timeout=10)["database"]["status"] == "unavailable"
