"""What `manage.py doctor` looks at: one function a question, each with the way to mend it."""

# The order of these imports is the order of the checks: the ground first, then what stands on it.
from raxx.doctor import machine  # isort: split

from raxx.doctor import database  # isort: split

from raxx.doctor import market  # isort: split

from raxx.doctor import schedule  # isort: split

from raxx.doctor.registry import Finding, examine

__all__ = ["Finding", "database", "examine", "machine", "market", "schedule"]
