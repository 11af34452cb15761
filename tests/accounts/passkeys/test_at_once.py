"""Many requests at once, each on a connection of its own, and slow ones that end after fast ones."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import AuditEntry, Ceremony, RecoveryCodes, Session, User
from tests.accounts.authenticator import Authenticator
from tests.accounts.passkeys.browser import Page

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 12
PATIENCE_S = 30


def at_once(act: Callable[[Page], Any], pages: list[Page]) -> list[int]:
    """Return the statuses of what all pages do at the same moment."""
    together = threading.Barrier(len(pages), timeout=PATIENCE_S)

    def one(page: Page) -> int:
        try:
            together.wait()
            return int(act(page).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(pages)) as threads:
        return sorted(threads.map(one, pages))


def twins(page: Page, count: int = AT_ONCE) -> list[Page]:
    """Return browsers with the same cookies: one browser's requests at once."""
    made = []
    for _ in range(count):
        twin = Page(device=page.device)
        twin.client.cookies.load({name: morsel.value for name, morsel in page.client.cookies.items()})
        made.append(twin)
    return made


def test_of_twelve_answers_to_one_challenge_one_logs_in() -> None:
    page = Page()
    page.sign_up()
    page.post("/auth/log-out")
    options = page.post("/auth/log-in/begin").json()
    answer = {"credential": page.device.get(options)}

    statuses = at_once(lambda twin: twin.post("/auth/log-in/complete", answer), twins(page))

    assert statuses == [200] + [422] * (AT_ONCE - 1)
    assert Session.objects.filter(ended_at=None).count() == 1


def test_of_twelve_different_answers_to_one_challenge_one_steps_up() -> None:
    page = Page()
    page.sign_up()
    options = page.post("/auth/step-up/begin").json()
    answers = iter([{"credential": page.device.get(options)} for _ in range(AT_ONCE)])

    statuses = at_once(lambda twin: twin.post("/auth/step-up/complete", next(answers)), twins(page))

    assert statuses == [200] + [422] * (AT_ONCE - 1)
    assert AuditEntry.objects.filter(action="session.stepped_up").count() == 1


def test_of_twelve_makings_with_one_link_one_makes_a_person() -> None:
    from tests.accounts.passkeys.browser import token_of

    pages = [Page() for _ in range(AT_ONCE)]
    pages[0].post("/auth/sign-up", {"email": "person@example.com"})
    token = token_of("person@example.com")
    made = {
        id(page): page.device.create(page.post("/auth/enrol/begin", {"token": token}).json())
        for page in pages
    }

    statuses = at_once(lambda page: page.post("/auth/enrol/complete", {"credential": made[id(page)]}), pages)

    assert (statuses[0], statuses.count(201)) == (201, 1)
    assert set(statuses[1:]) <= {409, 422}
    assert (User.objects.count(), WebAuthnCredential.objects.count()) == (1, 1)


def test_of_two_passkeys_removed_at_once_one_stays() -> None:
    page = Page()
    page.sign_up()
    second = Page(device=Authenticator())
    page.add_passkey(second.device)
    second.log_in()
    first_id, second_id = WebAuthnCredential.objects.order_by("pk").values_list("pk", flat=True)
    paths = {id(page): f"/raxx/v1/passkeys/{second_id}", id(second): f"/raxx/v1/passkeys/{first_id}"}

    statuses = at_once(lambda each: each.send("delete", paths[id(each)]), [page, second])

    assert statuses[0] == 204
    assert statuses[1] in {401, 422}  # its own passkey went first, or it would have been the last
    assert WebAuthnCredential.objects.count() == 1


def test_of_twelve_uses_of_one_code_one_opens_a_session() -> None:
    page = Page()
    page.sign_up()
    codes = page.post("/raxx/v1/recovery-codes").json()["codes"]
    asked = {"email": "person@example.com", "code": codes[0]}

    statuses = at_once(lambda each: each.post("/auth/recover", asked), [Page() for _ in range(AT_ONCE)])

    assert statuses == [200] + [422] * (AT_ONCE - 1)
    assert len(RecoveryCodes.objects.get().digests) == len(codes) - 1
    assert Session.objects.filter(is_enrol_only=True).count() == 1


def test_a_slow_request_brings_back_no_used_challenge_and_wipes_no_freshness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The prototype's fifth finding: Django saves a session last-write-wins; ours has nothing to save."""
    page = Page()
    page.sign_up()
    Session.objects.update(fresh_until=None)
    options = page.post("/auth/step-up/begin").json()
    answer = {"credential": page.device.get(options)}
    has_loaded, may_end = threading.Event(), threading.Event()

    def slow(self: Any, _request: Any) -> Any:
        from django.http import HttpResponse

        self.request.session["seen"] = True
        has_loaded.set()
        assert may_end.wait(PATIENCE_S)
        self.request.session.save()
        return HttpResponse()

    monkeypatch.setattr("accounts.web.own_session.CurrentSession.get", slow)
    (twin,) = twins(page, 1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: (twin.who().status_code, connection.close())[0])
        assert has_loaded.wait(PATIENCE_S)
        assert page.post("/auth/step-up/complete", answer).status_code == 200
        may_end.set()
        assert waiting.result(PATIENCE_S) == 200

    assert page.fresh_for() > timedelta()
    assert not Ceremony.objects.exists()
    assert page.post("/auth/step-up/complete", answer).status_code == 422
