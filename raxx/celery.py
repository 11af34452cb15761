"""The Celery application: `celery -A raxx worker` and `celery -A raxx beat`."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxx.settings")

app = Celery("raxx")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
