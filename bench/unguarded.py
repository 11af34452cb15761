"""The web process without its part of the walls, for `bench.walls` alone: nobody is bound, so no statement binds."""

from __future__ import annotations

from accounts import binding

binding.install_guard = lambda **_: None  # before Django's apps connect it

from raxx.wsgi import application  # noqa: E402 - what stands above must come first

__all__ = ["application"]
