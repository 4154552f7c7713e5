"""What is wrong with a field, whoever looks at it: one error for bodies, messages and voices."""


class InvalidFieldError(ValueError):
    """A field of the request is missing, unknown, or holds what it may not."""

    def __init__(self, name: str, problem: str, allowed: str) -> None:
        super().__init__(name, problem, allowed)

    def __str__(self) -> str:
        name, problem, allowed = self.args
        return f"{name}: {problem}; allowed: {allowed}"

    @property
    def field(self) -> str:
        """The field's name."""
        return str(self.args[0])

    @property
    def allowed(self) -> str:
        """What the field may hold."""
        return str(self.args[2])
