"""The Celery application. Its settings are in ``config/settings.py`` and ``config/brokers.py``; tasks are declared with
``jobs.task.job``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("backroom")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
