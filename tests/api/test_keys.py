"""`manage.py create_api_key`: a key that works, for the account that was meant."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from tests.factories.rows import SECRET, make_account, make_user


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
