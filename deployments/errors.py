"""What a deployment can refuse.

Every error passes its arguments to ``Exception``, so that it survives pickling between replicas.
"""


class OverloadedError(RuntimeError):
    """Too many requests are waiting; the same one may be sent again after ``retry_after_s``."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s)

    @property
    def retry_after_s(self) -> float:
        """Seconds after which another try makes sense."""
        return float(self.args[0])

    def __str__(self) -> str:
        return f"the service is busy; try again in {self.retry_after_s:g} s"


class UnavailableError(RuntimeError):
    """The part that should answer is not running at the moment."""

    def __str__(self) -> str:
        return "the engine is not available at the moment; try again shortly"


class ReplicaLostError(UnavailableError):
    """The replica that worked for the request died; another one may do it."""
