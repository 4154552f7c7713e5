"""What engines have in common that compute each request by itself."""

from collections.abc import Mapping


class PlainEngine:
    """Has no thread that could die, and counts nothing that its deployment does not."""

    @property
    def is_alive(self) -> bool:
        """Always."""
        return True

    def figures(self) -> Mapping[str, float]:
        """None."""
        return {}
