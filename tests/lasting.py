"""What costs seconds to start and serves the tests of several modules: it ends when the next test does not want it.

A fixture of a module would start it once a module; one of the session would stay, with its processes and with what
it changes, beside everybody else's tests. tests/order.py has the modules that share one follow each other.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager

    import pytest

Thing = TypeVar("Thing")

# By the name of the fixture that stands for it, which no other fixture of the tests may have; the oldest first.
_running: dict[str, tuple[object, ExitStack]] = {}


def lasting(request: pytest.FixtureRequest, open_it: Callable[[], AbstractContextManager[Thing]]) -> Thing:
    """Return what the asking fixture stands for; enter the context that `open_it` returns unless it lasts already.

    The fixture is one of a module. Those of the session that it needs are to be its arguments: then they outlive it.
    """
    name = request.fixturename
    assert name is not None
    if name not in _running:
        with ExitStack() as stack:
            thing = stack.enter_context(open_it())
            _running[name] = thing, stack.pop_all()
        request.session.addfinalizer(lambda: _end({name}))
    return _running[name][0]  # type: ignore[return-value] # what `open_it` has made, now or for an earlier test


def end_unless_wanted(item: pytest.Item, following: pytest.Item | None) -> None:
    """End, after the last test of a module, what the first of the next one does not ask for."""
    if following is not None and following.path != item.path:
        _end(_running.keys() - {*getattr(following, "fixturenames", ())})


def _end(names: Collection[str]) -> None:
    with ExitStack() as ending:  # the youngest first, and each though another one's end has failed
        for name in [name for name in _running if name in names]:
            ending.push(_running.pop(name)[1])
