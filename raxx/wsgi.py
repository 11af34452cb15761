"""The web process: `granian --interface wsgi raxx.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

from raxx import roles, telemetry

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxx.settings")
roles.become("web")

application = get_wsgi_application()
telemetry.start("web")  # after the settings, which read .env
