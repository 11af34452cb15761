from django.db import migrations

from accounts.isolation import CREATE_RAXX_UID, owned_table, shared_table


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_RAXX_UID, "drop function raxx_uid()"),
        shared_table("accounts_user", worker="update (tier, auth_epoch, is_active)"),
        shared_table("accounts_user_groups"),
        shared_table("accounts_user_user_permissions"),
        owned_table("accounts_apikey"),
    ]
