"""The page of an account while things happen to it, before the real processes."""

from __future__ import annotations

import pytest

from tests.browser.house import guest, house  # noqa: F401 - fixtures

pytestmark = pytest.mark.timeout(240)


def test_try(guest, house):
    visitor = guest()
    visitor.open("/log-in")
    from matching.models import Market
    print(Market.objects.all())
