"""The table of queues is the only one: tasks, workers, docker-compose and Kubernetes follow it."""

import pytest
import yaml
from celery import current_app
from django.conf import settings

from config.queues import GROUPS, QUEUES, WorkerPlan, dedicated_workers, shared_workers
from jobs import task as tasks
from tests.unit.architecture.source import PACKAGES, ROOT

NAMES = {queue.name for queue in QUEUES}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DEPLOYMENTS = {
    manifest["metadata"]["name"]: manifest["spec"]
    for path in (ROOT / "deploy" / "kubernetes").glob("*.yaml")
    for manifest in yaml.safe_load_all(path.read_text())
    if manifest["kind"] == "Deployment"
}


def service_name(plan: WorkerPlan) -> str:
    return f"worker-{plan.name.replace('_', '-')}"


def container(deployment: str) -> dict[str, object]:
    (only,) = DEPLOYMENTS[deployment]["template"]["spec"]["containers"]
    return only


def our_celery_tasks() -> set[str]:
    """But for Celery's own and the tests'."""
    current_app.loader.import_default_modules()
    return {
        name
        for name, task in current_app.tasks.items()
        if task.__module__.partition(".")[0] in PACKAGES and not name.startswith("harness.")
    }


def queue_of(name: str) -> str:
    """Where Celery sends it when nobody names a queue."""
    return current_app.amqp.router.route({}, name)["queue"].name


def test_every_task_is_a_job_and_every_job_a_task() -> None:
    ours = our_celery_tasks()

    assert "jobs.purge" in ours
    assert ours == {name for name in tasks.registered() if not name.startswith("harness.")}


def test_every_task_goes_to_the_queue_that_it_declares() -> None:
    """So none is on the default queue by accident."""
    assert {name: queue_of(name) for name in our_celery_tasks()} == {
        name: tasks.get(name).queue.name for name in our_celery_tasks()
    }


def test_a_queue_that_is_not_in_the_table_is_not_made() -> None:
    assert settings.CELERY_TASK_CREATE_MISSING_QUEUES is False
    assert settings.CELERY_TASK_DEFAULT_QUEUE in NAMES


def test_every_schedule_names_a_job() -> None:
    our_celery_tasks()
    for schedule in settings.JOB_SCHEDULES:
        tasks.get(schedule.task).check(schedule.arguments)


def test_the_brokers_queues_are_those_of_the_table() -> None:
    assert {queue.name for queue in settings.CELERY_TASK_QUEUES} == NAMES


@pytest.mark.parametrize("plans", [shared_workers, dedicated_workers])
def test_every_queue_has_exactly_one_worker(plans: type) -> None:
    served = [queue for plan in plans() for queue in plan.queues]

    assert sorted(served) == sorted(NAMES)


def test_shared_workers_cut_the_groups_of_the_table() -> None:
    assert {queue.group for queue in QUEUES} == set(GROUPS)


def test_limits_are_in_order() -> None:
    for queue in QUEUES:
        assert 0 < queue.soft_limit < queue.hard_limit, queue.name
        assert queue.prefetch == 1 or queue.soft_limit <= 120, f"{queue.name}: long jobs must not be reserved ahead"


def test_compose_has_the_workers_of_the_table_and_no_other() -> None:
    assert {name for name in COMPOSE if name.startswith("worker-")} == {service_name(p) for p in dedicated_workers()}


def test_kubernetes_has_the_workers_of_the_table_and_no_other() -> None:
    assert {name for name in DEPLOYMENTS if name.startswith("worker-")} == {
        service_name(p) for p in dedicated_workers()
    }


@pytest.mark.parametrize("plan", dedicated_workers(), ids=service_name)
def test_a_compose_worker_is_as_the_table_says(plan: WorkerPlan) -> None:
    service = COMPOSE[service_name(plan)]

    assert service["command"] == ["celery", "-A", "config", *plan.command()]
    assert service["stop_grace_period"] == f"{plan.grace}s"
    assert service["deploy"]["resources"]["limits"]["memory"] == f"{plan.container_memory}M"
    assert service["healthcheck"]["test"] == ["CMD", "python", "deploy/healthcheck.py", plan.name]


@pytest.mark.parametrize("plan", dedicated_workers(), ids=service_name)
def test_a_kubernetes_worker_is_as_the_table_says(plan: WorkerPlan) -> None:
    pod = DEPLOYMENTS[service_name(plan)]["template"]["spec"]
    worker = container(service_name(plan))

    assert worker["command"] == ["celery", "-A", "config", *plan.command()]
    assert pod["terminationGracePeriodSeconds"] == plan.grace
    assert worker["resources"]["limits"]["memory"] == f"{plan.container_memory}Mi"
    assert worker["readinessProbe"]["exec"]["command"] == ["python", "deploy/healthcheck.py", plan.name]


@pytest.mark.parametrize("plan", dedicated_workers(), ids=service_name)
def test_a_worker_that_stops_has_time_for_what_it_runs(plan: WorkerPlan) -> None:
    (queue,) = (queue for queue in QUEUES if queue.name == plan.name)

    assert plan.grace > queue.soft_limit
    assert plan.container_memory > plan.memory * plan.concurrency


def test_kubernetes_runs_what_compose_runs() -> None:
    for name in ("dispatcher", "beat", "flower"):
        assert container(name)["command"] == COMPOSE[name]["command"]
    assert DEPLOYMENTS["beat"]["replicas"] == COMPOSE["beat"]["deploy"]["replicas"] == 1
    assert DEPLOYMENTS["beat"]["strategy"] == {"type": "Recreate"}
