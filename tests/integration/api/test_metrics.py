"""/metrics: what it says, who may ask, and what it costs."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from jobs import breakers, db, metrics, processes, services, tally
from jobs.models import Job, State, TaskTally
from shop.accounts.models import Role
from shop.accounts.services import create_person
from tests.harness import tasks

pytestmark = pytest.mark.django_db

ELSEWHERE = "203.0.113.9"


def scrape(client: Client) -> dict:
    """Every sample by its name and labels."""
    response = client.get("/metrics")
    assert response.status_code == 200, response.content
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def jobs_in(samples: dict, state: str, queue: str = "sync") -> float:
    return samples["backroom_jobs", ("queue", queue), ("state", state)]


class TestWhatItSays:
    def test_an_empty_system(self, client):
        samples = scrape(client)
        assert jobs_in(samples, "ready") == 0
        assert samples["backroom_queue_oldest_due_age_seconds", ("queue", "reports")] == 0
        assert samples["backroom_processes", ("kind", "dispatcher")] == 0
        assert samples[("backroom_dispatcher_lag_seconds",)] == 0

    def test_jobs_by_queue_and_place(self, client):
        now = timezone.now()
        ready, rung, running = (services.submit(tasks.note, word=word) for word in "abc")
        services.submit(tasks.note, run_at=now + timedelta(hours=1))
        Job.objects.filter(pk=ready.pk).update(run_at=now - timedelta(seconds=90))
        Job.objects.filter(pk=rung.pk).update(turn=None, rings=1, ring_at=now + timedelta(seconds=4))
        Job.objects.filter(pk=running.pk).update(state=State.RUNNING, turn=None, lease_until=now)

        samples = scrape(client)

        assert [jobs_in(samples, state) for state in ("ready", "rung", "asleep", "running")] == [1, 1, 1, 1]
        assert 90 <= samples["backroom_queue_oldest_due_age_seconds", ("queue", "sync")] < 120
        assert samples["backroom_queue_alert_age_seconds", ("queue", "sync")] == 60

    def test_a_dispatcher_that_lags(self, client):
        job = services.submit(tasks.note, run_at=timezone.now() + timedelta(hours=1))
        Job.objects.filter(pk=job.pk).update(ring_at=timezone.now() - timedelta(seconds=30))
        # Measured from the start of the transaction that this test runs in.
        assert 25 <= scrape(client)[("backroom_dispatcher_lag_seconds",)] < 60

    def test_workers_and_paused_queues(self, client):
        processes.alive("worker@here", kind="worker", queues=["sync"], concurrency=3)
        services.pause_queue("mail")
        samples = scrape(client)
        assert samples["backroom_queue_workers", ("queue", "sync")] == 1
        assert samples["backroom_queue_children", ("queue", "sync")] == 3
        assert samples["backroom_processes", ("kind", "worker")] == 1
        assert samples["backroom_queue_paused", ("queue", "mail")] == 1
        assert samples["backroom_queue_paused", ("queue", "sync")] == 0

    def test_breakers(self, client):
        breakers.force_open("bank", "maintenance", create_person(username="o", email="o@example.test", password="x"))
        samples = scrape(client)
        assert samples["backroom_breaker_state", ("breaker", "bank"), ("state", "open")] == 1
        assert samples["backroom_breaker_state", ("breaker", "bank"), ("state", "closed")] == 0
        assert samples["backroom_breaker_forced", ("breaker", "bank")] == 1

    def test_attempts_and_their_durations(self, client):
        TaskTally.objects.all().delete()
        for seconds in (0.02, 0.3, 4000.0):
            tally.add("a.task", "sync", "succeeded", seconds)
        tally.add("a.task", "sync", "died")
        tally.add("a.task", "sync", "bug")
        tally.flush()

        samples = scrape(client)

        succeeded = (("outcome", "succeeded"), ("queue", "sync"), ("task", "a.task"))
        died = (("outcome", "died"), ("queue", "sync"), ("task", "a.task"))
        assert samples["backroom_attempts_total", *succeeded] == 3
        assert samples["backroom_attempts_total", *died] == 1
        assert samples["backroom_attempt_seconds_count", *succeeded] == 3
        assert samples["backroom_attempt_seconds_sum", *succeeded] == pytest.approx(4000.32)
        assert ("backroom_attempt_seconds_count", *died) not in samples
        assert samples["backroom_bugs_total", ("task", "a.task")] == 1

    def test_buckets_are_cumulative(self):
        counts = [1] * (len(tally.BOUNDS) + 1)
        buckets = metrics._cumulative(counts)
        assert [count for _, count in buckets] == list(range(1, len(tally.BOUNDS) + 2))
        assert buckets[0][0] == "0.01"
        assert buckets[-1][0] == "+Inf"

    def test_openmetrics_for_who_asks_for_it(self, client):
        response = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
        assert response["Content-Type"].startswith("application/openmetrics-text")
        assert response.content.endswith(b"# EOF\n")


class TestWhoMayAsk:
    def test_this_machine(self, client):
        assert client.get("/metrics").status_code == 200

    def test_not_through_a_proxy_on_this_machine(self, client):
        assert client.get("/metrics", headers={"x-forwarded-for": ELSEWHERE}).status_code == 403

    def test_not_other_machines(self, client):
        assert client.get("/metrics", REMOTE_ADDR=ELSEWHERE).status_code == 403

    def test_other_machines_with_the_token(self, client, settings):
        settings.METRICS_TOKEN = "s3cret"
        response = client.get("/metrics", REMOTE_ADDR=ELSEWHERE, headers={"authorization": "Bearer s3cret"})
        assert response.status_code == 200

    @pytest.mark.parametrize("given", ["Bearer wrong", "Basic s3cret", "s3cret", "", "Bearer "])
    def test_with_a_token_set_nobody_without_it(self, client, settings, given):
        settings.METRICS_TOKEN = "s3cret"
        response = client.get("/metrics", headers={"authorization": given})
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"

    def test_without_a_token_set_an_empty_one_opens_nothing(self, client):
        response = client.get("/metrics", REMOTE_ADDR=ELSEWHERE, headers={"authorization": "Bearer "})
        assert response.status_code == 403

    @pytest.mark.parametrize(("role", "status"), [(Role.OPERATOR, 200), (Role.OWNER, 403)])
    def test_people(self, client, role, status):
        client.force_login(create_person(username="p", email="p@example.test", password="x", roles=[role]))
        assert client.get("/metrics", REMOTE_ADDR=ELSEWHERE).status_code == status


class TestCost:
    def test_as_many_queries_whatever_there_is(self, client, django_assert_max_num_queries):
        services.submit_many(tasks.note, [{"word": str(number)} for number in range(300)])
        with django_assert_max_num_queries(12):
            client.get("/metrics")

    def test_jobs_that_are_over_are_not_read(self, client, monkeypatch):
        """Every statement about jobs can be answered from the partial indexes, which leave out those that are over."""
        plans = []
        fetch = db.fetch

        def explained(sql, parameters=()):
            if re.search(r"\bjobs_job\b", sql):
                plans.append("\n".join(row[0] for row in fetch(f"EXPLAIN {sql}", parameters)))
            return fetch(sql, parameters)

        monkeypatch.setattr(db, "fetch", explained)
        fetch("SET LOCAL enable_seqscan = off")
        scrape(client)

        assert len(plans) == 2
        for plan in plans:
            assert "Seq Scan on jobs_job" not in plan
            assert "jobs_job_pkey" not in plan
            assert "job_finished" not in plan

    def test_a_statement_that_takes_too_long_is_given_up(self, client, monkeypatch):
        monkeypatch.setattr(metrics, "STATEMENT_TIMEOUT", 50)

        def slow(_now):
            from django.db import connection

            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(5)")

        monkeypatch.setattr("jobs.queries.queue_overview", slow)
        response = client.get("/metrics")
        assert response.status_code == 503
