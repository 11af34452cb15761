"""A person asks for their data and to be erased, and thinks better of it: by the page, and by the mailed link."""

from __future__ import annotations

import pytest

from accounts.models import Erasure, Export, Session, User
from tests.browser.looking import look_at

EMAIL = "hedy@example.com"


@pytest.fixture
def person(visitor):
    """Return a person who has just logged in, and is at their page."""
    somebody = visitor.is_in(EMAIL)
    visitor.open("/security")
    visitor.sees("Erase me")
    return somebody


def is_erased(visitor):
    """Ask for it by the page, dialog and all."""
    visitor.press("Erase me")
    visitor.page.locator("dialog [data-yes]").click()
    visitor.is_at("/log-in")


def test_data_are_asked_for_with_the_passkey_shown_again_where_it_is_stale(visitor, person):
    Session.objects.filter(user=person).update(fresh_until=None)
    visitor.press("Send me my data")

    visitor.sees("is mailed to you as soon as it is ready")
    assert Export.objects.get(user=person).status == "waiting"
    assert visitor.statuses("/raxx/v1/privacy/export") == [("POST", 401), ("POST", 202)]


def test_a_dialog_that_is_dismissed_erases_nobody(visitor, person):
    visitor.press("Erase me")
    visitor.press("Cancel")

    assert visitor.statuses("/raxx/v1/privacy/erase") == []
    assert not Erasure.objects.filter(user=person).exists()


def test_who_leaves_logs_in_to_one_page_and_may_stay(visitor, person):
    is_erased(visitor)
    visitor.press("Log in with a passkey")
    visitor.is_at("/leaving")
    assert look_at(visitor.page, "leaving") == []
    visitor.press("Send me my data")
    visitor.sees("is mailed to you as soon as it is ready")

    visitor.press("Keep my accounts")

    visitor.is_at("/security")
    assert User.objects.get(pk=person.pk).deactivated_at is None


def test_the_mailed_link_keeps_everything_and_leads_to_the_log_in(visitor, person):
    is_erased(visitor)
    link = visitor.site.link_to(EMAIL)
    visitor.page.goto(link)
    assert look_at(visitor.page, "keep") == []
    assert User.objects.get(pk=person.pk).deactivated_at is not None

    visitor.press("Keep my accounts")

    visitor.is_at("/log-in")
    assert User.objects.get(pk=person.pk).deactivated_at is None
    visitor.page.goto(link)
    visitor.sees("This link no longer works")
    assert look_at(visitor.page, "keep-unusable") == []
