"""What asks for a passkey shown lately: the function, a view that says so, and the yes to one thing."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from accounts.api.base import SessionView
from accounts.api.bodies import json_response
from accounts.binding import acting_for, unbind
from accounts.errors import CoolingDown, EnrolmentOnly, NotAuthorized, StepUpRequired
from accounts.models import Assertion, Session, User
from accounts.sessions import living_session
from accounts.step_up import (
    give_assertion,
    require_fresh,
    require_settled,
    spend_assertion,
)
from raxx import errors
from tests.factories.people import Browser, as_web, signed_in
from tests.factories.rows import make_user

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.sessions import LivingSession

pytestmark = pytest.mark.django_db(transaction=True)

ORDER, OTHER = (hashlib.sha256(word).digest() for word in (b"an order", b"another order"))
BEGIN, COMPLETE = "/auth/step-up/begin", "/auth/step-up/complete"
CHALLENGE = 'Session error="insufficient_user_authentication", max_age=300'


@pytest.fixture(autouse=True)
def _nobody_is_bound_afterwards() -> Any:
    yield
    unbind()


def living(browser: Browser) -> LivingSession:
    with as_web():
        found = living_session(browser.key)
    assert found is not None
    return found


def stale() -> Browser:
    return signed_in(is_fresh=False)


def fresh() -> Browser:
    return signed_in()


def enrolling() -> Browser:
    return signed_in(is_enrol_only=True, is_fresh=False)


# --- Freshness -------------------------------------------------------------------------------------


def test_a_fresh_session_is_let_through_as_it_is() -> None:
    session = living(fresh())
    assert require_fresh(session) is session


def test_who_is_not_signed_in_is_not_asked_to_show_a_passkey_again() -> None:
    with pytest.raises(NotAuthorized) as refused:
        require_fresh(None)
    assert not isinstance(refused.value, StepUpRequired)


def test_freshness_ends_five_minutes_after_the_passkey_was_shown() -> None:
    browser = fresh()
    row = Session.objects.get()
    assert row.fresh_until is not None
    assert timedelta(minutes=4) < row.fresh_until - timezone.now() <= timedelta(minutes=5)

    Session.objects.update(fresh_until=timezone.now())

    with pytest.raises(StepUpRequired):
        require_fresh(living(browser))


def test_a_session_from_a_recovery_can_never_step_up() -> None:
    session = living(enrolling())
    Session.objects.update(fresh_until=timezone.now() + timedelta(minutes=5))  # should that ever be written

    for refuses in (require_fresh, lambda it: spend_assertion(it, ORDER)):
        with pytest.raises(EnrolmentOnly):
            refuses(session)


class Guarded(SessionView):
    step_up = frozenset({"POST"})

    def post(self, _request: Any) -> HttpResponse:
        return json_response({"done": True})


def ask(browser: Browser | None) -> tuple[int, dict[str, Any], str | None]:
    request = RequestFactory().post("/guarded")
    request._dont_enforce_csrf_checks = True  # the check has tests of its own
    if browser is not None:
        request.COOKIES["raxx_session"] = browser.key
    with as_web():
        answer = Guarded.as_view()(request)
    return answer.status_code, json.loads(answer.content), answer.headers.get("WWW-Authenticate")


def test_a_guarded_view_answers_each_caller_in_the_project_s_one_form() -> None:
    assert ask(fresh())[:2] == (200, {"done": True})
    status, body, challenge = ask(stale())
    assert (status, body["code"], challenge) == (401, 40110001, CHALLENGE)
    assert ask(enrolling())[0] == 403
    status, body, challenge = ask(None)
    assert (status, body["code"]) == (401, 40110000)
    assert "error" not in body  # a page's script must not step up here


def test_the_answer_names_what_a_page_s_script_needs_to_step_up_and_retry() -> None:
    with pytest.raises(StepUpRequired) as refused:
        require_fresh(living(stale()))

    answer = errors.answer(refused.value)
    assert answer is not None
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, CHALLENGE)
    assert json.loads(answer.content) == {
        "code": 40110001,
        "message": "show a passkey again",
        "error": "step_up_required",
        "max_age": 300,
        "begin": BEGIN,
        "complete": COMPLETE,
        "request_id": "",
    }


# --- After a recovery ------------------------------------------------------------------------------


def test_keys_and_live_wait_until_a_recovery_has_cooled_down() -> None:
    until = timezone.now() + timedelta(hours=24)
    browser = signed_in(make_user(restricted_until=until))

    with pytest.raises(CoolingDown) as refused:
        require_settled(living(browser))
    answer = errors.answer(refused.value)
    assert answer is not None
    body = json.loads(answer.content)
    assert (answer.status_code, body["code"]) == (403, 40310001)
    assert body["until"] == until.isoformat(timespec="seconds")

    User.objects.update(restricted_until=timezone.now())
    require_settled(living(browser))


# --- A yes to one thing ----------------------------------------------------------------------------


def give(browser: Browser, digest: bytes = ORDER) -> LivingSession:
    session = living(browser)
    with acting_for(session.user_id), as_web():
        give_assertion(session, digest)
    return session


def spends(session: LivingSession, digest: bytes = ORDER) -> bool:
    with acting_for(session.user_id), as_web():
        try:
            spend_assertion(session, digest)
        except StepUpRequired:
            return False
        return True


def test_a_yes_is_good_for_its_thing_once() -> None:
    session = give(fresh())

    assert [spends(session), spends(session)] == [True, False]
    assert not Assertion.objects.exists()


def test_a_fresh_session_alone_is_no_yes_and_the_refusal_names_the_thing() -> None:
    session = living(fresh())
    assert session.is_fresh

    with acting_for(session.user_id), as_web(), pytest.raises(StepUpRequired) as refused:
        spend_assertion(session, ORDER)
    assert refused.value.context["digest"] == ORDER.hex()
    assert refused.value.context["error"] == "step_up_required"


def test_a_yes_to_one_thing_is_none_to_another_and_stays_good() -> None:
    session = give(fresh())

    assert not spends(session, OTHER)
    assert spends(session, ORDER)


def test_a_yes_grows_old() -> None:
    session = give(fresh())
    assertion = Assertion.objects.get()
    assert timedelta(minutes=4) < assertion.expires_at - timezone.now() <= timedelta(minutes=5)

    Assertion.objects.update(expires_at=timezone.now())

    assert not spends(session)


def test_another_session_s_yes_is_worth_nothing_whoever_s_it_is() -> None:
    user = make_user()
    give(signed_in(user))
    same_person, stranger = living(signed_in(user)), living(fresh())

    assert [spends(same_person), spends(stranger)] == [False, False]
    assert Assertion.objects.count() == 1


def test_giving_it_again_renews_it_and_is_still_one() -> None:
    browser = fresh()
    give(browser)
    Assertion.objects.update(expires_at=timezone.now())

    session = give(browser)

    assert [spends(session), spends(session)] == [True, False]


def test_nobody_spends_without_a_session() -> None:
    with pytest.raises(NotAuthorized):
        spend_assertion(None, ORDER)


def test_what_is_rolled_back_has_not_spent_it() -> None:
    session = give(fresh())
    with acting_for(session.user_id), as_web(), pytest.raises(InterruptedError), transaction.atomic():  # noqa: PT012 - ends in the middle
        spend_assertion(session, ORDER)
        raise InterruptedError

    assert spends(session)


def test_of_many_who_spend_it_at_once_one_does() -> None:
    session = give(fresh())
    count = 8
    line, answers = threading.Barrier(count), []

    def spend() -> None:
        try:
            line.wait(timeout=20)
            answers.append(spends(session))
        finally:
            connection.close()

    threads = [threading.Thread(target=spend) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(answers) == [False] * (count - 1) + [True]


def test_of_many_who_give_it_at_once_there_is_one() -> None:
    browser = fresh()
    session = living(browser)
    count = 6
    line, failures = threading.Barrier(count), []

    def provide() -> None:
        try:
            line.wait(timeout=20)
            with acting_for(session.user_id), as_web():
                give_assertion(session, ORDER)
        except DatabaseError as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=provide) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert failures == []
    assert Assertion.objects.count() == 1
