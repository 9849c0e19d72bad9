"""The product's Celery app with the tests' own jobs: ``celery -A tests.harness.app worker``."""

from config.celery import app

app.conf.imports = (*app.conf.imports, "tests.harness.tasks")
# The table's shortest hard limit would hold a test up for the better part of a minute.
app.conf.task_annotations = {"harness.stubborn": {"soft_time_limit": 2, "time_limit": 3}}

__all__ = ["app"]
