"""Django's admin with our site. Not in apps.py: of two configurations there Django would take neither."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class StaffAdminConfig(SimpleAdminConfig):
    """`admin.site` is the site of the support staff.

    The apps' pages are imported with the URLs that lead to them (raxx.urls), which most processes never need.
    """

    default_site = "raxx.admin.StaffSite"

    def ready(self) -> None:
        """Have Django judge the pages where it is asked to, and not only if something has imported them before."""
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(**options: Any) -> list[checks.CheckMessage]:
    admin.autodiscover()
    return check_admin_app(**options)
