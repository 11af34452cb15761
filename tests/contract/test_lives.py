"""What is made can be read, changed and deleted in any order, as the links of our document say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.contract import hook
from tests.contract.fuzzing import EXAMPLES, MARKS, Served, answer_faults, load

pytestmark = MARKS
STEPS = 12

LIVES = {
    "Orders": [("GET", "/v2/orders/", 200), ("PATCH", "/v2/orders/", 422), ("DELETE", "/v2/orders/", 204)],
    "Watchlists": [("GET", "/v2/watchlists/", 200), ("DELETE", "/v2/watchlists/", 204)],
    "Webhooks": [("GET", "/raxx/v1/webhooks/", 200), ("DELETE", "/raxx/v1/webhooks/", 204)],
}


@pytest.mark.parametrize("tag", LIVES)
def test_what_is_made_lives_as_its_links_say(make_almighty, show, tag):
    show(bid="99", ask="100", last="99.5", close="98")
    app = Served(make_almighty(), hook.committed().content)
    schema = load(app, known={}, examples=EXAMPLES, sense=5).include(tag=tag)
    machine: Any = schema.as_state_machine()
    faults = []

    class Life(machine):  # type: ignore[misc] # it is made from the document
        def setup(self):
            super().setup()
            app.bot = make_almighty()  # each life begins in an empty account, or it could not be lived again

        def call(self, case, **_):
            found, response = answer_faults(case, is_ours=True)
            faults.extend(found)
            return response

        def validate_response(self, response, case, **_):
            pass  # judged where it is sent

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

    assert not faults, "\n\n".join(faults)
    assert [each for each in LIVES[tag] if not app.answered(*each)] == [], sorted(app.statuses.items())
