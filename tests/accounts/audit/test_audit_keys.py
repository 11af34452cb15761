"""The key that signs anchors: made for its owner alone, halved for who only verifies, and changed."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import anchors as files
from accounts.audit.keys import KeyUnusable, as_text, name_of, public_key, signing_key
from accounts.models.user import new_id
from accounts.services.anchoring import anchor_audit, verify_audit
from tests.accounts.audit.forging import fill

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_key_is_made_once_for_its_owner_alone_and_only_where_that_is_allowed(tmp_path: Path):
    file = tmp_path / "made" / "key.pem"
    with pytest.raises(KeyUnusable, match="openssl genpkey -algorithm ed25519"):
        signing_key(file, may_make=False)
    assert not file.exists()

    one, other = signing_key(file, may_make=True), signing_key(file, may_make=True)
    assert name_of(one.public_key()) == name_of(other.public_key())
    assert (file.stat().st_mode & 0o777, [each.name for each in file.parent.iterdir()]) == (
        0o600,
        ["key.pem"],
    )


@pytest.mark.parametrize(
    "content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key_is_refused_by_name(tmp_path: Path, content):
    file = tmp_path / "key.pem"
    file.write_text(content)

    for load in (lambda: signing_key(file, may_make=True), lambda: public_key(file)):
        with pytest.raises(KeyUnusable, match=r"key\.pem is no Ed25519"):
            load()


def test_who_has_the_public_half_alone_can_verify_and_not_anchor(settings, tmp_path: Path):
    fill(new_id(), 1)
    anchor_audit()
    said = StringIO()
    call_command("anchor_audit", "--public-key", stdout=said)
    settings.AUDIT_KEY = tmp_path / "public.pem"
    settings.AUDIT_KEY.write_text(said.getvalue())

    assert verify_audit().faults == ()
    fill(new_id(), 1)
    with pytest.raises(CommandError, match="the public half, which cannot sign"):
        call_command("anchor_audit")


def test_a_new_key_goes_on_where_the_former_one_is_kept(settings, tmp_path: Path):
    fill(new_id(), 1)
    anchor_audit()
    former = public_key(settings.AUDIT_KEY)
    settings.AUDIT_KEY.unlink()
    fill(new_id(), 1)
    with pytest.raises(files.AnchorBroken, match="signed by a key that is not ours"):
        anchor_audit()

    kept = settings.AUDIT_KEY.with_name("audit_key.pem.former")
    kept.mkdir()
    (kept / "2026.pem").write_text(as_text(former))
    anchor_audit()

    assert verify_audit().faults == ()
