"""Numbers with decimals as the engine's integers, as they are read.

A column's decimals are the engine's unit: price 1/10,000 dollar, quantity 1e-9 share, money 1e-13 dollar,
percent 1/10,000. PostgreSQL writes all of them out, so that a number without its point is the integer.
Over such a connection nobody may read a numeric that is not of a column, or a sum of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.adapt import Loader

if TYPE_CHECKING:
    from psycopg.abc import AdaptContext, Buffer


class _EngineNumber(Loader):
    def load(self, data: Buffer) -> int:
        return int(bytes(data).replace(b".", b""))


def register(context: AdaptContext) -> None:
    """Let a connection read numbers so."""
    context.adapters.register_loader("numeric", _EngineNumber)
