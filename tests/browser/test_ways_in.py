"""Sign up, log in, recover: by a real browser, with a virtual passkey device, before the real web process."""

from __future__ import annotations

from accounts.models import Session, User


def test_a_person_signs_up_by_a_mailed_link(visitor):
    visitor.signs_up("ada@example.com")

    person = User.objects.get(email="ada@example.com")
    assert [credential["rpId"] for credential in visitor.device.credentials()] == ["localhost"]
    assert Session.objects.filter(user=person, ended_at=None).count() == 1
