"""Points in time, as clients read them."""

from datetime import UTC, datetime


def utc_now() -> str:
    """The time now, to the second: ``2025-12-19T20:55:00Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
