"""What is kept of the request at hand, and what is believed of what its caller says."""

from __future__ import annotations

import asyncio
import re
import threading
from uuid import uuid4

import pytest

from accounts import tracing

TRACE_ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE_ID}-{PARENT}-01"


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    tracing.end()


def test_nobody_s_trace_is_empty_and_acts_as_the_system():
    assert tracing.current() == tracing.Trace()
    assert tracing.current().actor == "system"
    assert tracing.traceparent() == ""


@pytest.mark.parametrize(
    ("traceparent", "is_sampled"),
    [
        pytest.param(GOOD, True, id="as the specification has it"),
        pytest.param(f"00-{TRACE_ID}-{PARENT}-00", False, id="not sampled"),
        pytest.param(f"00-{TRACE_ID}-{PARENT}-03", True, id="a flag that is not known yet"),
        pytest.param(f" {GOOD}\t", True, id="blanks around it"),
        pytest.param(f"01-{TRACE_ID}-{PARENT}-01", True, id="a later version"),
        pytest.param(f"cc-{TRACE_ID}-{PARENT}-01-what-comes-then", True, id="a later version with more"),
    ],
)
def test_a_traceparent_names_the_trace_that_the_request_belongs_to(traceparent, is_sampled):
    trace = tracing.begin(traceparent=traceparent)

    assert (trace.request_id, trace.trace_id, trace.parent_span_id) == (TRACE_ID, TRACE_ID, PARENT)
    assert trace.is_sampled is is_sampled
    assert tracing.traceparent() == f"00-{TRACE_ID}-{trace.span_id}-{'01' if is_sampled else '00'}"
    assert re.fullmatch(r"[0-9a-f]{16}", trace.span_id)
    assert trace.span_id != PARENT


@pytest.mark.parametrize(
    "traceparent",
    [
        pytest.param("", id="none"),
        pytest.param(f"00-{'0' * 32}-{PARENT}-01", id="a trace of noughts"),
        pytest.param(f"00-{TRACE_ID}-{'0' * 16}-01", id="a parent of noughts"),
        pytest.param(f"ff-{TRACE_ID}-{PARENT}-01", id="the forbidden version"),
        pytest.param(f"{GOOD}-more", id="more than version 00 has"),
        pytest.param(f"cc-{TRACE_ID}-{PARENT}-01.more", id="more without a hyphen"),
        pytest.param(GOOD.upper(), id="capitals"),
        pytest.param(GOOD[:-1], id="too short"),
        pytest.param(f"00-{TRACE_ID[:-1]}g-{PARENT}-01", id="not hexadecimal"),
        pytest.param(f"{GOOD},{GOOD}", id="two of them"),
        pytest.param(f"{GOOD}\n", id="a line end"),
        pytest.param(f"00-{TRACE_ID}-{PARENT}-\u0661\u0661", id="other people's digits"),
    ],
)
def test_a_traceparent_that_is_none_is_ignored(traceparent):
    trace = tracing.begin(traceparent=traceparent)

    assert re.fullmatch(r"[0-9a-f]{32}", trace.trace_id)
    assert trace.trace_id != TRACE_ID
    assert (trace.request_id, trace.parent_span_id, trace.is_sampled) == (trace.trace_id, "", False)


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, "<b>", "a\n", "é", "a;b"])
def test_a_request_id_that_could_not_stand_in_a_header_is_replaced(given):
    assert tracing.begin(request_id=given, traceparent=GOOD).request_id == TRACE_ID
    assert re.fullmatch(r"[0-9a-f]{32}", tracing.begin(request_id=given).request_id)


def test_the_caller_s_request_id_stands_beside_the_trace_and_names_it_where_it_can():
    assert tracing.begin(request_id="mine-1", traceparent=GOOD)[:2] == ("mine-1", TRACE_ID)
    assert tracing.begin(request_id=TRACE_ID)[:2] == (TRACE_ID, TRACE_ID)
    assert tracing.begin(request_id="0" * 32).trace_id != "0" * 32
    assert tracing.begin(request_id=TRACE_ID.upper()).trace_id != TRACE_ID.upper()


def test_two_requests_have_two_traces():
    assert tracing.begin().trace_id != tracing.begin().trace_id


def test_who_it_is_is_added_and_what_is_not_given_stays():
    user_id, account_id = uuid4(), uuid4()
    begun = tracing.begin(request_id="r")

    tracing.told(user_id=user_id, actor_kind="key", actor_id="PK1")
    tracing.told(account_id=account_id)

    assert tracing.current() == begun._replace(
        user_id=user_id, account_id=account_id, actor_kind="key", actor_id="PK1"
    )
    assert tracing.current().actor == "key:PK1"
    tracing.set_actor("staff", user_id)
    assert tracing.current().actor == f"staff:{user_id}"
    tracing.end()
    assert tracing.current() is tracing.NOBODY


def test_a_block_has_a_trace_of_its_own_and_leaves_the_one_around_it():
    outer = tracing.begin(request_id="outer")

    seen = []

    def failing():
        with tracing.tracing(request_id="inner"):
            seen.append(tracing.current().request_id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert seen == ["inner"]
    assert tracing.current() == outer


def test_work_in_the_name_of_an_earlier_request_keeps_its_actor():
    tracing.begin(request_id="task-1", traceparent=GOOD)
    tracing.set_actor("task", "sweep")
    before = tracing.current()

    with tracing.caused_by("earlier") as trace:
        assert (trace.request_id, trace.actor, trace.parent_span_id) == ("earlier", "task:sweep", "")
        assert trace.trace_id != TRACE_ID
    with tracing.caused_by("") as trace:
        assert trace == before

    assert tracing.current() == before


def test_a_thread_begins_with_nobody_and_a_task_with_what_its_maker_knew():
    seen: dict[str, object] = {}

    async def both():
        tracing.begin(request_id="maker")

        async def child(name):
            seen[name] = tracing.current().request_id
            tracing.begin(request_id=name)

        await asyncio.gather(child("first"), child("second"))
        seen["after"] = tracing.current().request_id

    asyncio.run(both())
    tracing.begin(request_id="main")
    thread = threading.Thread(target=lambda: seen.setdefault("thread", tracing.current()))
    thread.start()
    thread.join()

    assert seen == {"first": "maker", "second": "maker", "after": "maker", "thread": tracing.NOBODY}
