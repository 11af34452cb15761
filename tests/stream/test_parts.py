"""The parts that need no server: what waits to be sent, and how failures are counted."""

from __future__ import annotations

import asyncio

import pytest

from trading.stream.app import client_address
from trading.stream.limits import ENTRIES_MAX, Allowance, FailureLimiter, LogInGuard
from trading.stream.outbox import Outbox, Room


def test_an_outbox_gives_back_what_was_put_in_order_and_then_ends() -> None:
    async def scenario() -> list[bytes | str | None]:
        box = Outbox(Room())
        assert box.put(b"one")
        assert box.put("two")
        box.close(b"last", drop=False)
        return [await box.take() for _ in range(4)]

    assert asyncio.run(scenario()) == [b"one", "two", b"last", None]


def test_a_writer_waits_for_what_comes_and_for_the_end() -> None:
    async def scenario() -> list[bytes | str | None]:
        box = Outbox(Room())
        taken = []
        for act in (lambda: box.put(b"one"), lambda: box.close(None, drop=True)):
            waiting = asyncio.create_task(box.take())
            await asyncio.sleep(0)
            assert not waiting.done()
            act()
            taken.append(await waiting)
        return taken

    assert asyncio.run(scenario()) == [b"one", None]


def test_an_outbox_has_room_for_so_many_messages() -> None:
    box = Outbox(Room(messages=2))

    assert [box.put(b"x") for _ in range(3)] == [True, True, False]


def test_an_outbox_has_room_for_so_many_bytes_and_what_is_being_sent_counts() -> None:
    async def scenario() -> list[bool]:
        box = Outbox(Room(content_bytes=10))
        room = [box.put(b"123456"), box.put(b"12345")]
        await box.take()
        room.append(box.put(b"12345"))
        box.sent()
        return [*room, box.put(b"12345")]

    assert asyncio.run(scenario()) == [True, False, False, True]


def test_an_outbox_that_is_closed_takes_no_more_and_may_forget_what_waits() -> None:
    async def scenario() -> list[bytes | str | None]:
        box = Outbox(Room())
        box.put(b"one")
        box.close(b"last", drop=True)
        assert not box.put(b"two")
        return [await box.take(), await box.take()]

    assert asyncio.run(scenario()) == [b"last", None]


def blocked_for(limiter: FailureLimiter, since: float) -> float:
    """Return for how many half seconds from `since` the name is blocked."""
    steps = 0
    while limiter.is_blocked("name", since + steps / 2):
        steps += 1
    return steps / 2


def test_failures_are_free_at_first_and_then_each_one_blocks_for_twice_as_long_up_to_the_bound() -> None:
    limiter = FailureLimiter(Allowance(free=2, first_block_s=0.5, block_s_max=3.0))

    blocks = []
    for attempt in range(7):
        limiter.failed("name", now=attempt)
        blocks.append(blocked_for(limiter, attempt))

    assert blocks == [0, 0, 0.5, 1, 2, 3, 3]
    assert not limiter.is_blocked("another", now=6)


def test_a_success_and_a_long_peace_forget_the_failures() -> None:
    limiter = FailureLimiter(Allowance(free=1, first_block_s=1, block_s_max=2))
    limiter.failed("name", now=0)
    limiter.failed("name", now=0)
    assert limiter.is_blocked("name", now=0.5)

    limiter.succeeded("name")
    assert not limiter.is_blocked("name", now=0.5)

    limiter.failed("name", now=1)
    limiter.failed("name", now=100)
    assert not limiter.is_blocked("name", now=100)


def test_the_table_of_failures_is_bounded() -> None:
    limiter = FailureLimiter(Allowance(free=0))
    limiter.failed("first", now=0)
    for number in range(ENTRIES_MAX):
        limiter.failed(str(number), now=0)

    assert [limiter.is_blocked(name, now=0) for name in ("first", "0")] == [False, True]


def test_one_address_cannot_try_every_key_and_an_unknown_one_is_not_everybody() -> None:
    guard = LogInGuard(by_key=Allowance(free=5), by_address=Allowance(free=10))
    for number in range(11):
        guard.failed(f"KEY{number}", "192.0.2.1", now=0)
        guard.failed(f"KEY{number}", "", now=0)

    assert [guard.is_blocked("FRESH", address, now=0) for address in ("192.0.2.1", "192.0.2.2", "")] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        (("192.0.2.1", 5), [], "192.0.2.1"),
        (("192.0.2.1", 5), [(b"x-forwarded-for", b"198.51.100.7")], "192.0.2.1"),
        (("", 0), [(b"X-Forwarded-For", b"203.0.113.9, 198.51.100.7")], "198.51.100.7"),
        (None, [], ""),
    ],
)
def test_a_forwarding_header_is_believed_on_a_local_socket_only(
    peer: tuple[str, int] | None, headers: list[tuple[bytes, bytes]], address: str
) -> None:
    assert client_address({"client": peer, "headers": headers}) == address
