"""Made-up requests by Alpaca's documents, those of the paths that we serve."""

from __future__ import annotations

import pytest

from tests.contract import hook
from tests.contract.fuzzing import MARKS, fuzzed

pytestmark = MARKS


@pytest.mark.parametrize("number", [0, 1], ids=["trading", "market data"])
def test_requests_made_from_alpacas_documents_are_answered_as_they_say(almighty, known, number):
    document = hook.alpaca()[number]

    def is_served(method, path):
        return hook.ours().find(method, path.replace("{loc}", "us")) is not None

    count, app, faults = fuzzed(almighty, known, document, is_served, is_ours=False)

    assert not faults, "\n\n".join(faults)
    assert count > 30
    assert app.answered("GET", "/v", 200) > count / 2
