"""The stream process: `granian --interface asgi raxx.asgi:application`."""

from __future__ import annotations

import os

from raxx import roles
from raxx.starting import without_collecting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxx.settings")
roles.become("stream")

with without_collecting():
    import django

    django.setup()

    from django.conf import settings  # after the process has its identity

    from trading.datastream.service import DataService
    from trading.stream.app import Part, StreamApp
    from trading.stream.desk.service import DeskService
    from trading.stream.service import StreamService


def _make_service() -> StreamService:
    return StreamService(settings.DATABASE_SERVER.login(roles.APP), settings.REDIS_URL)


def _make_parts(service: StreamService) -> list[Part]:
    return [DataService(service, settings.REDIS_URL), DeskService(service)]


application = StreamApp(_make_service, takes_sigterm=True, make_parts=_make_parts)
