"""Single misfortunes, each on real servers and workers: what is killed, frozen or away, and what becomes of the job."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from kombu import Connection

from jobs import services
from jobs.models import Job, JobEvent, State
from jobs.task import JobTask
from tests.chaos.servers import has_rabbitmq, wait_until_ready
from tests.chaos.stage import Stage, wait_until_at_work
from tests.harness import journal, tasks
from tests.harness.journal import Line
from tests.harness.processes import Process, descendants, wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

#: Seconds in which a job whose worker is gone must have begun again.
SOON = 15.0
#: Jobs that wait in the same queue meanwhile.
BACKLOG = 10_000
LONG = 60.0


class World:
    """Servers, one dispatcher and as many workers as a test asks for."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def start(self, workers: int = 1, concurrency: int = 1) -> list[Process]:
        dispatcher = self.stage.dispatcher()
        started = [self.stage.worker(f"worker{number}", concurrency=concurrency) for number in range(workers)]
        wait_until_at_work(dispatcher, *started)
        return started

    def lines(self, job: Job, event: str) -> list[Line]:
        return [line for line in journal.read(self.stage.journal) if (line.job, line.event) == (str(job.pk), event)]

    def wait_for_event(self, job: Job, event: str, count: int = 1, seconds: float = LONG) -> Line:
        assert wait_for(lambda: len(self.lines(job, event)) >= count, seconds=seconds), f"no {event} number {count}"
        return self.lines(job, event)[count - 1]

    def holder_of(self, line: Line, workers: list[Process]) -> Process:
        (holder,) = [worker for worker in workers if line.pid in descendants(worker.pid)]
        return holder


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Stage]:
    if request.param == "rabbitmq" and not has_rabbitmq():
        pytest.skip("needs Debian's rabbitmq-server package")
    stage = Stage(tmp_path_factory.mktemp(request.param), request.param)
    with django_db_blocker.unblock(), stage.open():
        yield stage


@pytest.fixture
def world(stage: Stage) -> Iterator[World]:
    Job.objects.all().delete()
    yield World(stage)
    stage.dismiss()


def unacknowledged(world: World) -> int:
    """Messages that Redis keeps for workers until they acknowledge them."""
    with Connection(world.stage.servers.broker.url) as broker:
        if broker.transport.driver_type != "redis":
            return 0
        kept: int = broker.default_channel.client.hlen("unacked")
        return kept


def submit(task: JobTask, **arguments: Any) -> Job:
    return services.submit(task, **arguments)


def chore(seconds: float) -> Job:
    return submit(tasks.CHORES["sync"], number=1, seconds=seconds)


def backlog() -> None:
    services.submit_many(tasks.nothing, [{}] * BACKLOG)


def until(what: Callable[[], bool], seconds: float = LONG) -> None:
    assert wait_for(what, seconds=seconds)


def state(job: Job) -> str:
    job.refresh_from_db()
    return job.state


def assert_done_once(world: World, job: Job) -> None:
    until(lambda: state(job) == State.SUCCEEDED)
    assert [line.words["applied"] for line in world.lines(job, "effect")].count(True) == 1


class TestBehindABacklog:
    """It begins again soon, and only once the first one has surely stopped."""

    def test_a_job_past_its_hard_limit(self, world):
        world.start()
        job = submit(tasks.stubborn, seconds=LONG)
        first = world.wait_for_event(job, "began")
        backlog()
        second = world.wait_for_event(job, "began", count=2)
        limit = 3  # as tests.harness.app sets it
        assert second.at - first.at - limit < SOON
        assert second.pid != first.pid
        assert_done_once(world, job)
        assert job.events.filter(kind=JobEvent.Kind.TIMED_OUT).exists()

    def test_a_job_whose_worker_was_killed(self, world):
        workers = world.start(workers=2)
        job = chore(8)
        first = world.wait_for_event(job, "began")
        backlog()
        killed = time.time()
        world.holder_of(first, workers).kill()
        second = world.wait_for_event(job, "began", count=2)
        assert second.at - killed < SOON
        assert_done_once(world, job)

    def test_a_job_whose_process_was_killed_as_for_want_of_memory(self, world):
        """The kernel's out-of-memory killer sends one child SIGKILL, and so does this."""
        world.start(concurrency=2)
        job = chore(8)
        first = world.wait_for_event(job, "began")
        backlog()
        killed = time.time()
        os.kill(first.pid, signal.SIGKILL)
        second = world.wait_for_event(job, "began", count=2)
        assert second.at - killed < SOON
        assert_done_once(world, job)


def test_a_frozen_worker_neither_concludes_nor_does_its_effect(world):
    workers = world.start(workers=2)
    job = chore(2)
    first = world.wait_for_event(job, "began")
    frozen = world.holder_of(first, workers)
    frozen.signal(signal.SIGSTOP)
    world.wait_for_event(job, "began", count=2)
    until(lambda: state(job) == State.SUCCEEDED)
    frozen.signal(signal.SIGCONT)
    until(lambda: len(world.lines(job, "left")) == 2)
    outcome = {line.attempt: line.words["outcome"] for line in world.lines(job, "left")}
    assert outcome == {1: "LeaseLost", 2: "done"}
    assert [line.attempt for line in world.lines(job, "effect")] == [2]
    assert (state(job), job.attempt) == (State.SUCCEEDED, 2)


def test_a_worker_survives_a_restart_of_its_broker(world):
    """While it works on a long job and on many short ones, so that some are reserved and some about to be
    acknowledged."""
    (worker,) = world.start(concurrency=2)
    pid = worker.pid
    job = chore(6)
    world.wait_for_event(job, "began")
    short = [chore(0.02) for _ in range(150)]
    world.wait_for_event(short[20], "began")
    assert not unacknowledged(world)
    broker = world.stage.servers.broker
    broker.kill()
    broker.start()
    wait_until_ready(broker)
    assert_done_once(world, job)
    assert job.attempt == 1
    for after in (*short, chore(0.1)):
        assert_done_once(world, after)
    assert worker.runs
    assert worker.pid == pid


def test_what_is_submitted_while_the_broker_is_away_runs_when_it_is_back(world):
    world.start()
    broker = world.stage.servers.broker
    broker.kill()
    jobs = [chore(0.1) for _ in range(20)]
    time.sleep(2)  # the dispatcher has tried
    assert {state(job) for job in jobs} == {State.WAITING}
    broker.start()
    for job in jobs:
        assert_done_once(world, job)


def test_a_database_that_is_away_for_longer_than_a_lease_fails_no_job(world):
    world.start(concurrency=2)
    jobs = [chore(4), chore(20), chore(0.1)]  # done within its lease, longer than that, and waiting
    for job in jobs[:2]:
        world.wait_for_event(job, "began")
    database = world.stage.servers.database
    database.kill()
    time.sleep(12)
    database.start()
    wait_until_ready(database)
    connection.close()  # this process's own
    for job in jobs:
        assert_done_once(world, job)
        assert (job.failures, job.deaths) == (0, 0)
    assert [job.attempt for job in jobs] == [1, 2, 1]


def test_a_worker_that_is_shut_down_cold_gives_its_job_back(world):
    (worker,) = world.start()
    job = chore(30)
    world.wait_for_event(job, "began")
    os.kill(worker.pid, signal.SIGQUIT)
    until(lambda: state(job) == State.WAITING, seconds=8)  # sooner than its lease ends
    assert job.events.get().kind == JobEvent.Kind.GIVEN_BACK
    assert job.deaths == 0


def test_a_running_job_is_cancelled_within_seconds(world):
    world.start()
    job = chore(30)
    world.wait_for_event(job, "began")
    services.cancel(job)
    until(lambda: state(job) == State.CANCELLED, seconds=8)
    assert not world.lines(job, "effect")


def test_a_reminder_rung_before_any_worker_ran_is_neither_lost_nor_early(world):
    dispatcher = world.stage.dispatcher()
    wait_until_at_work(dispatcher)
    due = timezone.now() + timedelta(seconds=12)
    job = submit(tasks.CHORES["reminders"], run_at=due, number=1, seconds=0.1, due=due.timestamp())
    until(lambda: Job.objects.filter(pk=job.pk, rings__gt=0).exists())
    wait_until_at_work(world.stage.worker())
    began = world.wait_for_event(job, "began")
    assert began.at >= due.timestamp() - 0.05
    assert_done_once(world, job)
    assert job.attempt == 1
