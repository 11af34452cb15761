"""Django's admin with our site. Not in apps.py: of two configurations there Django would take neither."""

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    """`admin.site` is the site of the support staff."""

    default_site = "raxx.admin.StaffSite"
