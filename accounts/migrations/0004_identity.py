from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.models.user
from accounts.isolation import person_table, shared_table

SQL = Path(__file__).resolve().parent.parent / "sql"

PASSKEYS = "django_otp_webauthn_webauthncredential"
HANDLES = "django_otp_webauthn_webauthnuserhandle"
ATTESTATIONS = "django_otp_webauthn_webauthnattestation"

# Nobody signs up as staff or with a tier, and nobody who serves people can make anybody so.
PEOPLE = """
alter table accounts_user enable row level security;
alter table accounts_user force row level security;
create policy owner_all on accounts_user to raxx_owner using (true) with check (true);
create policy worker_all on accounts_user to raxx_worker using (true) with check (true);
create policy app_own on accounts_user to raxx_app using (id = raxx_uid()) with check (id = raxx_uid());
create policy app_signs_up on accounts_user as restrictive for insert to raxx_app
  with check (tier = 'free' and not is_staff and not is_superuser);
grant insert, update (last_login, auth_epoch, is_active, restricted_until, deactivated_at) on accounts_user to raxx_app;
grant update (restricted_until, deactivated_at) on accounts_user to raxx_worker;
"""
PEOPLE_AS_BEFORE = """
revoke update (restricted_until, deactivated_at) on accounts_user from raxx_worker;
revoke insert, update on accounts_user from raxx_app;
drop policy app_signs_up on accounts_user; drop policy app_own on accounts_user;
drop policy worker_all on accounts_user; drop policy owner_all on accounts_user;
alter table accounts_user no force row level security; alter table accounts_user disable row level security;
"""

# An attestation belongs to whom its passkey belongs to: the passkeys' own policy answers within this one.
ATTESTED = f"""
alter table {ATTESTATIONS} enable row level security;
alter table {ATTESTATIONS} force row level security;
create policy owner_all on {ATTESTATIONS} to raxx_owner using (true) with check (true);
create policy worker_all on {ATTESTATIONS} to raxx_worker using (true) with check (true);
create policy app_own on {ATTESTATIONS} to raxx_app
  using (exists (select from {PASSKEYS} p where p.id = {ATTESTATIONS}.credential_id))
  with check (exists (select from {PASSKEYS} p where p.id = {ATTESTATIONS}.credential_id));
grant select, insert, update, delete on {ATTESTATIONS} to raxx_app, raxx_worker;
"""
ATTESTED_AS_BEFORE = f"""
drop policy app_own on {ATTESTATIONS}; drop policy worker_all on {ATTESTATIONS};
drop policy owner_all on {ATTESTATIONS};
alter table {ATTESTATIONS} no force row level security; alter table {ATTESTATIONS} disable row level security;
"""
# Foreign keys look past row security: these two see to it that parent and child are the same person's.
OWN_PARENTS = f"""
alter table {PASSKEYS} add constraint passkey_of_person unique (id, user_id);
alter table accounts_session add constraint session_of_person unique (id, user_id);
alter table accounts_session add constraint session_by_own_passkey
  foreign key (passkey_id, user_id) references {PASSKEYS} (id, user_id) deferrable initially deferred;
alter table accounts_assertion add constraint assertion_in_own_session
  foreign key (session_id, user_id) references accounts_session (id, user_id) deferrable initially deferred;
"""
OWN_PARENTS_AS_BEFORE = f"""
alter table accounts_assertion drop constraint assertion_in_own_session;
alter table accounts_session drop constraint session_by_own_passkey;
alter table accounts_session drop constraint session_of_person;
alter table {PASSKEYS} drop constraint passkey_of_person;
"""
DROP_FUNCTIONS = """
drop function accounts_person_of_email, accounts_person_of_passkey, accounts_session_of_key;
drop function accounts_which_sessions_live, accounts_living_sessions;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_key_limits"),
        ("django_otp_webauthn", "0004_webauthnuserhandle"),
    ]

    operations = [
        migrations.CreateModel(
            name="RecoveryCodes",
            fields=[
                (
                    "throttling_failure_timestamp",
                    models.DateTimeField(
                        blank=True,
                        default=None,
                        help_text="A timestamp of the last failed verification attempt. Null if last attempt succeeded.",
                        null=True,
                    ),
                ),
                (
                    "throttling_failure_count",
                    models.PositiveIntegerField(default=0, help_text="Number of successive failed attempts."),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="recovery_codes",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "digests",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BinaryField(max_length=32), default=list, size=None
                    ),
                ),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name_plural": "recovery codes",
            },
        ),
        migrations.AddField(
            model_name="user",
            name="deactivated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="user",
            name="restricted_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="Ceremony",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("binding", models.BinaryField(max_length=32)),
                (
                    "purpose",
                    models.CharField(
                        choices=[("enrol", "Enrol"), ("log_in", "Log In"), ("step_up", "Step Up")],
                        max_length=16,
                    ),
                ),
                ("state", models.JSONField()),
                ("digest", models.BinaryField(max_length=32, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(fields=["created_at"], name="ceremony_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("binding", "purpose"), name="ceremony_one_of_a_purpose")
                ],
            },
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_hash", models.BinaryField(max_length=32, unique=True)),
                ("epoch", models.PositiveIntegerField()),
                ("is_enrol_only", models.BooleanField(default=False)),
                ("device", models.CharField(blank=True, max_length=80)),
                ("address_prefix", models.CharField(blank=True, max_length=43)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("idle_s", models.PositiveIntegerField()),
                ("expires_at", models.DateTimeField()),
                ("fresh_until", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "end_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("logged_out", "Logged Out"),
                            ("revoked", "Revoked"),
                            ("passkey_removed", "Passkey Removed"),
                            ("recovered", "Recovered"),
                            ("enrolled", "Enrolled"),
                            ("deactivated", "Deactivated"),
                            ("by_staff", "By Staff"),
                            ("expired", "Expired"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "passkey",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="django_otp_webauthn.webauthncredential",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Assertion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.models.user.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.BinaryField(max_length=32)),
                ("expires_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assertions",
                        to="accounts.session",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SpentLink",
            fields=[
                ("token_hash", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("spent_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(fields=["spent_at"], name="spent_link_by_age")],
            },
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["user", "-created_at"], name="session_by_person"),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["ended_at"], name="session_by_end"),
        ),
        migrations.AddConstraint(
            model_name="assertion",
            constraint=models.UniqueConstraint(fields=("session", "digest"), name="assertion_once_a_thing"),
        ),
        migrations.RunSQL(OWN_PARENTS, OWN_PARENTS_AS_BEFORE),
        migrations.RunSQL(PEOPLE, PEOPLE_AS_BEFORE),
        person_table(
            "accounts_session",
            app="insert, update (passkey_id, last_seen_at, fresh_until, ended_at, end_reason)",
            worker="update, delete",
        ),
        person_table("accounts_assertion", app="insert, delete", worker="delete"),
        person_table("accounts_recoverycodes", app="insert, update, delete", worker="delete"),
        person_table(PASSKEYS, app="insert, update, delete", worker="insert, update, delete"),
        person_table(HANDLES, app="insert, update, delete", worker="insert, update, delete"),
        migrations.RunSQL(ATTESTED, ATTESTED_AS_BEFORE),
        shared_table("accounts_ceremony", app="insert, update, delete", worker="delete"),
        shared_table("accounts_spentlink", app="insert", worker="insert, delete"),
        migrations.RunSQL((SQL / "0004_identity.sql").read_text(), DROP_FUNCTIONS),
    ]
