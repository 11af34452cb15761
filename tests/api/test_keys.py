"""`manage.py create_api_key` and `revoke_api_key`: a key that works, for the account that was meant, until it is ended."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from tests.factories.rows import NOON, SECRET, make_account, make_user
from trading.services import keys


def create(capsys, *arguments):
    call_command("create_api_key", "--json", *arguments)
    return json.loads(capsys.readouterr().out)


def test_a_new_key_opens_its_account_and_only_its_hash_is_kept(bot, capsys):
    made = create(capsys, "--email", bot.account.user.email.upper())

    headers = {"APCA-API-KEY-ID": made["key_id"], "APCA-API-SECRET-KEY": made["secret"]}
    answer = bot.call("get", "/v2/account", headers=headers)
    assert answer.json()["id"] == made["account_id"] == str(bot.account.pk)
    assert made["account_number"] == bot.account.number
    assert made["scopes"] == ["read", "trade", "data"]
    kept = ApiKey.objects.values().get(pk=made["key_id"])
    assert made["secret"] not in str(kept)
    assert SECRET not in str(kept)


@pytest.mark.parametrize(
    "name", [lambda account: account.number, lambda account: str(account.pk)], ids=["number", "id"]
)
def test_with_several_accounts_one_is_named(bot, market, capsys, name):
    second = make_account(bot.account.user, market=market)

    made = create(
        capsys, "--email", bot.account.user.email, "--account", name(second), "--scopes", "read", "operator"
    )

    assert (made["account_id"], made["scopes"]) == (str(second.pk), ["read", "operator"])


def test_the_secret_is_shown_to_people_too(bot, capsys):
    call_command("create_api_key", "--email", bot.account.user.email)

    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert ApiKey.objects.get(pk=shown["key_id"]).matches(shown["secret"])


def test_what_cannot_be_is_refused_and_makes_no_key(bot, make_bot, market):
    email, stranger = bot.account.user.email, make_bot()
    make_account(bot.account.user, market=market)
    make_user(email="bare@example.com")
    before = set(ApiKey.objects.values_list("pk", flat=True))

    for arguments in (
        ["--email", "nobody@example.com"],
        ["--email", "bare@example.com"],
        ["--email", email],  # has two
        ["--email", email, "--account", "NOPE"],
        ["--email", email, "--account", stranger.account.number],
        ["--email", email, "--account", str(stranger.account.pk)],
        ["--email", email, "--account", bot.account.number, "--scopes", "everything"],
    ):
        with pytest.raises(CommandError):
            call_command("create_api_key", *arguments)
    assert set(ApiKey.objects.values_list("pk", flat=True)) == before


@pytest.fixture
def rings(monkeypatch):
    """Return the rings for the streams, as what the database held when each was heard."""
    rung = []
    monkeypatch.setattr(
        keys,
        "ring_credentials",
        lambda: rung.append(list(ApiKey.objects.exclude(revoked_at=None).values_list("pk", flat=True))),
    )
    return rung


def test_a_revoked_key_opens_nothing_and_the_streams_are_told_afterwards(bot, make_bot, rings, capsys):
    other = make_bot()
    assert bot.get("/v2/account").status_code == 200

    call_command("revoke_api_key", bot.key.pk, "--json")

    shown = json.loads(capsys.readouterr().out)
    revoked_at = ApiKey.objects.get(pk=bot.key.pk).revoked_at
    assert shown == {
        "email": bot.account.user.email,
        "account_id": str(bot.account.pk),
        "key_id": bot.key.pk,
        "revoked_at": revoked_at.isoformat(),
    }
    assert rings == [[bot.key.pk]]
    assert bot.get("/v2/account").status_code == 401
    assert other.get("/v2/account").status_code == 200


def test_revoking_again_keeps_the_first_instant(bot, rings, capsys):
    ApiKey.objects.filter(pk=bot.key.pk).update(revoked_at=NOON)

    call_command("revoke_api_key", bot.key.pk)

    assert NOON.isoformat() in capsys.readouterr().out
    assert ApiKey.objects.get(pk=bot.key.pk).revoked_at == NOON


def test_a_key_that_nobody_has_is_not_revoked(bot, rings):
    with pytest.raises(CommandError, match="there is no API key PKNOBODY"):
        call_command("revoke_api_key", "PKNOBODY")

    assert rings == []
    assert not ApiKey.objects.exclude(revoked_at=None).exists()
