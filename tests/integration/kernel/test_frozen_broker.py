"""A broker that accepts connections and says nothing: what a stopped process or a lost network looks like."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from celery import Celery

from config.brokers import broker_settings
from jobs import ringing, services
from jobs.dispatcher import Dispatcher
from jobs.models import State
from tests.harness import tasks as harness

pytestmark = pytest.mark.django_db(transaction=True)

#: Those of the transport's options that bound a wait, by the broker's scheme.
TIME_OUTS = {"redis": ("socket_timeout",), "amqp": ("read_timeout", "write_timeout", "confirm_timeout")}


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:  # closed: the test is over
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def app_at(scheme: str, port: int) -> Celery:
    """Configured as the product is, but with a second's patience instead of ten."""
    settings = broker_settings(f"{scheme}://127.0.0.1:{port}/")
    options = settings["broker_transport_options"]
    assert all(0 < options[name] <= 10 for name in TIME_OUTS[scheme])
    app = Celery("frozen", set_as_current=False)
    app.conf.update(settings | {"broker_transport_options": options | dict.fromkeys(TIME_OUTS[scheme], 1)})
    return app


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_it_holds_the_dispatcher_no_longer_than_its_time_outs_and_submitters_not_at_all(
    scheme, silent_port, monkeypatch
):
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)  # Celery would prefer it to the app's own setting
    ringing.make_known()
    dispatcher = Dispatcher(app_at(scheme, silent_port))
    job = services.submit(harness.note)
    began = time.monotonic()

    assert dispatcher.turn() == 0

    assert time.monotonic() - began < 30  # without time-outs: for ever
    job.refresh_from_db()
    assert (job.state, job.rings, job.turn) == (State.WAITING, 0, 0)
    assert services.submit(harness.note).pk
