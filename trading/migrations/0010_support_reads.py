from datetime import timedelta
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import accounts.models.user
from accounts.isolation import support_reads

SQL = Path(__file__).resolve().parent.parent / "sql"

DROP = """
grant select on accounts_ceremony, accounts_spentlink to raxx_support;
alter table guardian_groupobjectpermission drop constraint accounts_are_granted_in_their_own_table;
alter table guardian_userobjectpermission drop constraint accounts_are_granted_in_their_own_table;
drop view trading_accountentry;
drop policy support_granted on accounts_user;
drop policy support_of_granted on accounts_auditdetail; drop policy support_says_who on accounts_auditentry;
drop policy support_granted on accounts_auditdetail; drop policy support_granted on accounts_auditentry;
alter table trading_accountgrant drop constraint grant_of_account;
drop policy holder_or_overseer_ends on trading_accountgrant; drop policy overseer_gives on trading_accountgrant;
drop policy overseer_sees on trading_accountgrant; drop policy staff_own on trading_accountgrant;
drop policy staff_living on trading_accountgrant;
drop policy worker_all on trading_accountgrant; drop policy owner_all on trading_accountgrant;
drop function raxx_oversees, raxx_granted_people, raxx_granted_accounts;
"""

# What a key is checked against is nobody's to read; all else of a key is.
KEY_COLUMNS = """(key_id, user_id, account_id, name, scopes, addresses, created_at, last_used_at, expires_at,
                  revoked_at)"""
OWNED = [
    "trading_tradingaccount",
    "trading_order",
    "trading_orderevent",
    "trading_position",
    "trading_fill",
    "trading_journal",
    "trading_posting",
    "trading_watchlist",
    "trading_equitysnapshot",
    "trading_webhookendpoint",
    "trading_webhookdelivery",
    "trading_accountreset",
]


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0009_generations"),
        ("accounts", "0005_audit"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="tradingaccount",
            options={
                "permissions": [
                    ("view_account", "Can see an account that was granted"),
                    ("act_on_account", "Can act for the owner of an account that was granted"),
                ]
            },
        ),
        migrations.CreateModel(
            name="AccountGrant",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_column="staff_id",
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="account_grants",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "permission",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="auth.permission",
                    ),
                ),
                (
                    "content_object",
                    models.ForeignKey(
                        db_column="account_id",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="staff_grants",
                        to="trading.tradingaccount",
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("ticket", models.CharField(blank=True, max_length=64)),
                (
                    "granted_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("granted_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "ended_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "unique_together": set(),
                "base_manager_name": "ever",
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(ended_at=None),
                        fields=("user", "permission", "content_object"),
                        name="grant_one_of_a_kind_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            expires_at__gt=F("granted_at"),
                            expires_at__lte=F("granted_at") + timedelta(days=30),
                        ),
                        name="grant_lasts_thirty_days_at_most",
                    ),
                    models.CheckConstraint(condition=Q(reason__regex=r"\S"), name="grant_has_a_reason"),
                    models.CheckConstraint(
                        condition=Q(ended_by=None) | Q(ended_at__isnull=False),
                        name="grant_ended_by_nobody_has_not_ended",
                    ),
                ],
            },
            managers=[("objects", models.Manager()), ("ever", models.Manager())],
        ),
        migrations.CreateModel(
            name="AccountEntry",
            fields=[
                ("id", models.UUIDField(db_column="account_id", primary_key=True, serialize=False)),
                ("owner_id", models.UUIDField()),
                ("number", models.CharField(max_length=16)),
                ("status", models.CharField(max_length=32)),
                ("created_at", models.DateTimeField()),
                ("market", models.CharField(max_length=64)),
                ("email", models.EmailField(max_length=254)),
                ("tier", models.CharField(max_length=16)),
            ],
            options={
                "managed": False,
                "db_table": "trading_accountentry",
                "verbose_name_plural": "account entries",
            },
        ),
        migrations.RunSQL((SQL / "0010_grants.sql").read_text(), DROP),
        *[support_reads(table) for table in OWNED],
        support_reads("accounts_apikey", columns=KEY_COLUMNS),
    ]
