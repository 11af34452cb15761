"""Whether this process lives, and whether it can serve: `/health/live` and `/health/ready`."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from django.db import Error, connection
from django.http import JsonResponse

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

VALKEY_TIMEOUT_S = 0.2


def live(_request: HttpRequest) -> JsonResponse:
    """Answer 200: the process runs and can answer."""
    return JsonResponse({"status": "live"})


def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database and Valkey answer us, else 503; the log says which did not."""
    failed = [name for name, check in (("database", _database), ("valkey", _valkey)) if not check()]
    if not failed:
        return JsonResponse({"status": "ready"})
    logger.warning("not ready: %s", ", ".join(failed))
    answer = JsonResponse({"code": 50310000, "message": "service unavailable"}, status=503)
    answer["Retry-After"] = "1"
    return answer


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except Error:
        connection.close()
        return False
    return True


def _valkey() -> bool:
    try:
        return bool(_client().ping())
    except redis.RedisError:
        return False


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=VALKEY_TIMEOUT_S, socket_connect_timeout=VALKEY_TIMEOUT_S
    )
