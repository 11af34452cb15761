#!/usr/bin/env python
"""The operator's commands: `python manage.py help`."""

import os
import sys

INTERRUPTED = 130  # as shells tell of a program that Ctrl-C has ended
UNREAD = 141  # and of one whose reader has left


def main() -> None:
    """Run the command named on the command line; a wrong setting, an absent server or Ctrl-C is one line.

    Who reads what we print may leave early, as `head` does: there is nothing to say then.
    """
    try:
        _run()
        sys.stdout.flush()  # here, where it can be told that nobody reads any more
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        sys.exit(UNREAD)
    except KeyboardInterrupt:
        if "--traceback" in sys.argv:
            raise
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _run() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxx.settings")
    from raxx.starting import without_collecting

    with without_collecting():
        import django
        import psycopg
        from django.apps import apps
        from django.core.management import execute_from_command_line
        from django.db import OperationalError

        from raxx.env import SettingError

        _begin_trace()
    try:
        with without_collecting():
            if not apps.ready:
                django.setup()
        execute_from_command_line(sys.argv)
    except (SettingError, OperationalError, psycopg.OperationalError) as error:
        line = str(error) if isinstance(error, SettingError) else _unreachable(error)
        if line is None or "--traceback" in sys.argv:
            raise
        sys.exit(f"ERROR: {line}")


def _begin_trace() -> None:
    """Give what a command writes a request's id, and the person at the system's name for who acts.

    Not what runs for days, and does what many requests ask.
    """
    from accounts import tracing
    from raxx import roles

    if roles.current_process() not in roles.ROLE_OF_PROCESS:
        tracing.begin()
        tracing.set_actor("command", _system_user())


def _system_user() -> str:
    """Return the name of the system's user, not from the environment: anybody may set that."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user need not have a name
        return str(os.getuid())


def _unreachable(error: Exception) -> str | None:
    """Return what to say of a server that is not there; None when one is there and said something."""
    from raxx import hints

    if getattr(error.__cause__ or error, "sqlstate", None) is not None:
        return None
    what = (str(error).strip().splitlines() or ["no further word"])[0]
    return f"PostgreSQL does not answer: {what} ({hints.start_postgres()})"


if __name__ == "__main__":
    main()
