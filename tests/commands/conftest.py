"""What the tests of the commands share."""

from tests.trading.conftest import app, desk, worker  # noqa: F401 - fixtures
