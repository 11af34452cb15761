"""Made-up requests by our document: no 5xx, no status and no schema that it does not have."""

from __future__ import annotations

from tests.contract import hook
from tests.contract.fuzzing import MARKS, fuzzed

pytestmark = MARKS
STREAMED = {"/v2/events/trades"}  # served by another process


def test_requests_made_from_our_document_are_answered_as_it_says(almighty, known):
    document = hook.committed()

    count, app, faults = fuzzed(almighty, known, document, lambda _, path: path not in STREAMED, is_ours=True)

    assert not faults, "\n\n".join(faults)
    assert count == len(document.operations) - len(STREAMED)
    assert app.answered("POST", "/v2/orders", 200) > 0
    assert app.answered("GET", "/v2/stocks/", 200) > 0
