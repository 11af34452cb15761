"""`manage.py create_api_key` and `revoke_api_key`: a key that works, for the account that was meant, until it is ended."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from tests.api.conftest import as_web
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


def rotate(capsys, *arguments):
    call_command("rotate_api_key", "--json", *arguments)
    return json.loads(capsys.readouterr().out)


def opens(bot, made, **extra):
    headers = {"APCA-API-KEY-ID": made["key_id"], "APCA-API-SECRET-KEY": made["secret"]}
    return bot.call("get", "/v2/account", headers=headers, **extra).status_code == 200


def test_a_key_is_limited_to_addresses_on_every_path(bot, capsys):
    made = create(
        capsys, "--email", bot.account.user.email, "--address", "203.0.113.0/24", "--address", "2001:db8::1"
    )
    assert made["addresses"] == ["2001:db8::1/128", "203.0.113.0/24"]
    headers = {"APCA-API-KEY-ID": made["key_id"], "APCA-API-SECRET-KEY": made["secret"]}

    assert opens(bot, made, REMOTE_ADDR="203.0.113.9")
    assert opens(bot, made, REMOTE_ADDR="", HTTP_X_FORWARDED_FOR="2001:db8::1")
    assert not opens(bot, made, REMOTE_ADDR="198.51.100.1")
    assert not opens(bot, made, REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_FOR="203.0.113.9")
    order = {
        "symbol": "IBM",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": "9",
    }
    for address, status in (("203.0.113.9", 200), ("198.51.100.1", 401)):  # the key is remembered by now
        answer = bot.send("post", "/v2/orders", order, headers=headers, REMOTE_ADDR=address)
        assert answer.status_code == status


def test_a_key_ends_by_itself(bot, capsys):
    made = create(capsys, "--email", bot.account.user.email, "--expires-in-days", "30")
    key = ApiKey.objects.get(pk=made["key_id"])
    assert made["expires_at"] == key.expires_at.isoformat()
    assert opens(bot, made)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=NOON)
    assert not opens(bot, made)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--address", "nowhere"], "'nowhere' is not an IP address or network"),
        (["--expires-in-days", "0"], "a key lives 1 to 3650 days"),
        (["--name", "n" * 65], "the name has 65 characters"),
    ],
)
def test_a_limit_that_cannot_be_makes_no_key(bot, options, words):
    before = ApiKey.objects.count()
    with pytest.raises(CommandError, match=words):
        call_command("create_api_key", "--email", bot.account.user.email, *options)
    assert ApiKey.objects.count() == before


def test_a_token_opens_what_its_key_opens(bot, capsys):
    made = create(capsys, "--email", bot.account.user.email)
    for token, status in ((made["token"], 200), (made["token"] + "x", 401), ("PKNOBODY.x", 401)):
        with as_web():
            answer = Client().get("/v2/account", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


def test_a_rotated_key_ends_and_its_successor_may_the_same(bot, capsys, rings):
    old = create(
        capsys, "--email", bot.account.user.email, "--scopes", "read", "--address", "127.0.0.1", "--name", "a",
        "--expires-in-days", "9",
    )  # fmt: skip
    new = rotate(capsys, old["key_id"])

    assert (opens(bot, old), opens(bot, new)) == (False, True)
    for same in ("account_id", "scopes", "addresses", "expires_at"):
        assert new[same] == old[same]
    assert ApiKey.objects.get(pk=new["key_id"]).name == "a"
    assert rings == [[old["key_id"]]]


def test_both_keys_work_while_they_overlap(bot, capsys):
    old = create(capsys, "--email", bot.account.user.email)
    new = rotate(capsys, old["key_id"], "--overlap", "5")

    assert opens(bot, old)
    assert opens(bot, new)
    ends_at = ApiKey.objects.get(pk=old["key_id"]).expires_at
    assert ends_at is not None
    left = ends_at - timezone.now()
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)
    assert new["expires_at"] is None


def test_a_key_that_is_over_has_no_successor(bot, capsys):
    old = create(capsys, "--email", bot.account.user.email)
    rotate(capsys, old["key_id"])
    for key_id, words in ((old["key_id"], "is over"), ("PKNOBODY", "there is no API key")):
        with pytest.raises(CommandError, match=words):
            call_command("rotate_api_key", key_id)
    with pytest.raises(CommandError, match="between 0 and"):
        call_command("rotate_api_key", bot.key.pk, "--overlap", "99999")


def test_keys_are_listed_with_their_last_use_and_no_secret(bot, capsys):
    made = create(capsys, "--email", bot.account.user.email)

    def listed(*options):
        call_command("list_api_keys", "--json", *options)
        return {key["key_id"]: key for key in json.loads(capsys.readouterr().out)}

    assert listed()[made["key_id"]]["last_used_at"] is None
    assert opens(bot, made)
    used = listed("--email", bot.account.user.email)[made["key_id"]]
    assert used["last_used_at"] is not None
    assert made["secret"] not in str(used)
    assert opens(bot, made)
    assert listed()[made["key_id"]]["last_used_at"] == used["last_used_at"]  # once a minute is enough
    call_command("revoke_api_key", made["key_id"])
    capsys.readouterr()
    assert made["key_id"] not in listed()
    assert made["key_id"] in listed("--all")
