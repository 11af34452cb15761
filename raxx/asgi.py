"""The stream process: `granian --interface asgi raxx.asgi:application`."""

from __future__ import annotations

import os

import django

from raxx import roles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxx.settings")
roles.become("stream")
django.setup()

from django.conf import settings  # noqa: E402 - after the process has its identity

from trading.datastream.service import DataService  # noqa: E402
from trading.stream.app import Part, StreamApp  # noqa: E402
from trading.stream.desk.service import DeskService  # noqa: E402
from trading.stream.service import StreamService  # noqa: E402


def _make_service() -> StreamService:
    return StreamService(settings.DATABASE_SERVER.login(roles.APP), settings.REDIS_URL)


def _make_parts(service: StreamService) -> list[Part]:
    return [DataService(service, settings.REDIS_URL), DeskService(service)]


application = StreamApp(_make_service, takes_sigterm=True, make_parts=_make_parts)
