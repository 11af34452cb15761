"""Which database the ORM reads from, where a block says so: the staff's pages read by the selectors of everybody else.

A selector that was written for an owner runs unchanged on the support role's connection, whose policies show it
what was granted and nothing more. What writes names its database itself, as ever.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model

_reading_from: ContextVar[str | None] = ContextVar("raxx_reading_from", default=None)


@contextmanager
def reading_from(alias: str) -> Iterator[None]:
    """Read from `alias` whatever a block reads by the ORM without naming a database."""
    token = _reading_from.set(alias)
    try:
        yield
    finally:
        _reading_from.reset(token)


class ReadingRouter:
    """Asked by Django for each query that names no database (DATABASE_ROUTERS)."""

    def db_for_read(self, model: type[Model], **_: Any) -> str | None:  # noqa: ARG002 - Django's signature
        """Return what a block has said; None leaves it to Django."""
        return _reading_from.get()
