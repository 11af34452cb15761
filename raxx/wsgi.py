"""The web process: `granian --interface wsgi raxx.wsgi:application`."""

import os

from raxx import roles, telemetry
from raxx.starting import without_collecting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxx.settings")
roles.become("web")

with without_collecting():
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()

    from raxx import urls  # noqa: F401 - every page, now and not within the first request

    if settings.LIVE_IS_ON:  # so that nobody's first live order waits for Celery
        from broker_handoff import tasks  # noqa: F401
telemetry.start("web")  # after the settings, which read .env
