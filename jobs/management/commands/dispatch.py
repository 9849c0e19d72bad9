from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand

from jobs.dispatcher import Dispatcher


class Command(BaseCommand):
    help = "Rings for jobs that are due. Run one or more; they share the work."
    requires_system_checks: list[str] = []  # noqa: RUF012 (Django's own form)

    def handle(self, *args: Any, **options: Any) -> None:
        current_app.loader.import_default_modules()
        Dispatcher(current_app._get_current_object()).run()  # noqa: SLF001 (the proxy's own way to its app)
