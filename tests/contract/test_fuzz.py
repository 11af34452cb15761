"""Made-up requests by our document and by Alpaca's: no 5xx, no status or schema that is not documented.

The budget is RAXX_FUZZ_EXAMPLES requests of each kind and operation; `make fuzz` has a larger one.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.contract import hook
from tests.contract.fuzzing import Served, answer_faults, faults_of, load, operations

EXAMPLES = int(os.environ.get("RAXX_FUZZ_EXAMPLES", "4"))
STEPS = 12
STREAMED = {"/v2/events/trades"}  # served by another process
LAST = ("/raxx/v1/accounts", "/raxx/v1/market/tape")  # what takes the world away from those before

pytestmark = [
    pytest.mark.timeout(60 + EXAMPLES * 60),
    pytest.mark.usefixtures("_nobody_is_waited_for"),
]


def fuzzed(almighty, known, document, wanted, *, is_ours):
    """Return how many operations were called, the answers, and what was wrong with them."""
    app = Served(almighty, document.content)
    schema = load(app, known=known, examples=EXAMPLES)
    chosen = sorted(operations(schema, wanted), key=lambda operation: operation.path.startswith(LAST))
    faults = [fault for each in chosen for fault in faults_of(each, examples=EXAMPLES, is_ours=is_ours)]
    return len(chosen), app, faults


def test_requests_made_from_our_document_are_answered_as_it_says(almighty, known):
    document = hook.committed()

    count, app, faults = fuzzed(almighty, known, document, lambda _, path: path not in STREAMED, is_ours=True)

    assert faults == []
    assert count == len(document.operations) - len(STREAMED)
    assert app.answered("POST", "/v2/orders", 200) > 0
    assert app.answered("GET", "/v2/stocks/", 200) > 0


@pytest.mark.parametrize("number", [0, 1], ids=["trading", "market data"])
def test_requests_made_from_alpacas_documents_are_answered_as_they_say(almighty, known, number):
    document = hook.alpaca()[number]

    def is_served(method, path):
        return hook.ours().find(method, path.replace("{loc}", "us")) is not None

    count, app, faults = fuzzed(almighty, known, document, is_served, is_ours=False)

    assert faults == []
    assert count > 30
    assert app.answered("GET", "/v", 200) > count / 2


def test_orders_lists_and_endpoints_live_as_their_links_say(almighty, known):
    app = Served(almighty, hook.committed().content)
    schema = load(app, known={}, examples=EXAMPLES).include(tag=["Orders", "Watchlists", "Webhooks"])
    faults = []

    class Life(schema.as_state_machine()):
        def validate_response(self, response, case, **_):
            pass  # judged where it is sent

        def call(self, case, **_):
            found, response = answer_faults(case, is_ours=True)
            faults.extend(found)
            return response

    Life.run(
        settings=settings(
            max_examples=EXAMPLES * 3,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
    )

    assert faults == []
    linked = [("GET", "/v2/orders/", 200), ("DELETE", "/v2/orders/", 204), ("GET", "/v2/watchlists/", 200)]
    assert [each for each in linked if not app.answered(*each)] == []
