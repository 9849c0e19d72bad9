"""A worker's events for Flower go out together, a few times a second, and none is forgotten."""

import pytest

from jobs import worker


class Hub:
    """Kombu's event loop, as far as timers go."""

    def __init__(self) -> None:
        self.planned = []

    def call_later(self, delay, callback) -> None:
        self.planned.append((delay, callback))


@pytest.fixture
def consumer():
    """Celery's consumer with a hub of the test's; the clock is the test's too."""
    consumer = worker.Consumer.__new__(worker.Consumer)
    consumer.hub = Hub()
    consumer.sent = []
    consumer._flush_events = lambda: consumer.sent.append("flush")
    return consumer


def test_events_of_a_moment_are_sent_together(consumer, monkeypatch):
    for now in (100.0, 100.05, 100.19):
        monkeypatch.setattr(worker.time, "monotonic", lambda now=now: now)
        consumer.on_send_event_buffered()
    assert [delay for delay, _ in consumer.hub.planned] == [worker.EVENTS_EVERY]


def test_an_event_after_that_is_sent_too(consumer, monkeypatch):
    for now in (100.0, 100.0 + worker.EVENTS_EVERY):
        monkeypatch.setattr(worker.time, "monotonic", lambda now=now: now)
        consumer.on_send_event_buffered()
    assert len(consumer.hub.planned) == 2


def test_a_plan_that_was_lost_with_its_event_loop_holds_nothing_up(consumer, monkeypatch):
    monkeypatch.setattr(worker.time, "monotonic", lambda: 100.0)
    consumer.on_send_event_buffered()
    consumer.hub = Hub()  # a new connection, a new loop
    monkeypatch.setattr(worker.time, "monotonic", lambda: 101.0)
    consumer.on_send_event_buffered()
    assert len(consumer.hub.planned) == 1


def test_a_worker_that_stops_sends_what_it_has(consumer, monkeypatch):
    monkeypatch.setattr(worker.consumer.Consumer, "stop", lambda self: self.sent.append("stopped"))
    consumer.stop()
    assert consumer.sent == ["flush", "stopped"]
