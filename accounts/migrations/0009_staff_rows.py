"""Who is in which group, who has which permission, and what somebody did in the admin: of each person their own.

They were shared by grants alone, so that the role which serves people could list the staff.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from accounts.isolation import person_table


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("accounts", "0008_passkey_resets"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations: ClassVar = [
        person_table("accounts_user_groups"),
        person_table("accounts_user_user_permissions"),
        person_table("django_admin_log", app="insert"),  # raxx/grants.py grants it, as all of Django's
    ]
