"""How a command ends that cannot do what it was told."""


class CommandError(RuntimeError):
    """Ends the command with status 1; the message says what is wrong and what to do."""
