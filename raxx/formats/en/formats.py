"""Django reads these names: https://docs.djangoproject.com/en/stable/topics/i18n/formatting/#custom-format-files."""

DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = r"Y-m-d H:i:s \U\T\C"  # the installation's time zone: settings.TIME_ZONE
