"""What is settled is out of the collector's sight, and what was settled before is not kept for it."""

from __future__ import annotations

import gc
import weakref

from matching.memory import settled


class Link:
    """Something that can be a cycle, and be watched."""

    other: Link


def test_what_is_made_is_not_looked_at_again_and_the_collector_goes_on() -> None:
    with settled():
        assert not gc.isenabled()
        kept = [Link() for _ in range(10)]

    assert gc.isenabled()
    assert not any(one is kept for one in gc.get_objects())
    gc.unfreeze()


def test_a_cycle_of_an_earlier_start_goes_at_the_next_one() -> None:
    with settled():
        link = Link()
        link.other = link
        watched = weakref.ref(link)
    del link
    gc.collect()
    assert watched() is not None  # settled: nobody looks

    with settled():
        assert watched() is None
    gc.unfreeze()
