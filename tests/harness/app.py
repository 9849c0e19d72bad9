"""The product's Celery app with the tests' own jobs: ``celery -A tests.harness.app worker``."""

from config.celery import app

app.conf.imports = (*app.conf.imports, "tests.harness.tasks")

__all__ = ["app"]
