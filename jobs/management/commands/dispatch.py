from typing import Any

from celery.app import app_or_default
from django.core.management.base import BaseCommand

from jobs.dispatcher import Dispatcher


class Command(BaseCommand):
    help = "Rings for jobs that are due. Run one or more; they share the work."
    requires_system_checks: list[str] = []  # noqa: RUF012 (Django's own form)

    def handle(self, *args: Any, **options: Any) -> None:
        app = app_or_default()
        app.loader.import_default_modules()
        Dispatcher(app).run()
