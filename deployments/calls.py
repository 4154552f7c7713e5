"""What can go wrong between two deployments, in our own terms."""

from collections.abc import Iterator
from contextlib import contextmanager

from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from deployments.errors import OverloadedError, UnavailableError

_DEFAULT_RETRY_AFTER_S = 1.0


@contextmanager
def no_replica_is_refusal() -> Iterator[None]:
    """Turn what Ray raises when no replica takes a call, or the replica dies, into refusals.

    Raises:
        OverloadedError: the queue of the called deployment is full.
        UnavailableError: the called deployment has no replica, or lost the one that it had.
    """
    try:
        yield
    except BackPressureError as error:
        raise OverloadedError(error.retry_after_s or _DEFAULT_RETRY_AFTER_S) from error
    except (DeploymentUnavailableError, RayActorError) as error:
        raise UnavailableError from error
