"""What can go wrong between two deployments, in our own terms."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from loguru import logger
from ray.exceptions import NodeDiedError, ObjectLostError, RayActorError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from deployments.errors import OverloadedError, ReplicaLostError, UnavailableError

Result = TypeVar("Result")

_DEFAULT_RETRY_AFTER_S = 1.0
_LOST = (RayActorError, NodeDiedError, ObjectLostError)
"""What a caller meets when a replica dies: alone, or with its node and the messages kept there."""


@contextmanager
def no_replica_is_refusal() -> Iterator[None]:
    """Turn what Ray raises when no replica takes a call, or the replica dies, into refusals.

    Raises:
        OverloadedError: the queue of the called deployment is full.
        ReplicaLostError: the replica that had the call died, or one that it needed itself.
        UnavailableError: the called deployment has no replica.
    """
    try:
        yield
    except BackPressureError as error:
        raise OverloadedError(error.retry_after_s or _DEFAULT_RETRY_AFTER_S) from error
    except _LOST as error:
        raise ReplicaLostError from error
    except DeploymentUnavailableError as error:
        raise UnavailableError from error


async def with_second_try(attempt: Callable[[], Awaitable[Result]], request_id: str) -> Result:
    """Return what ``attempt`` returns; one that loses its replica is made once more.

    Only for what nobody has heard anything of yet, and whose text is whole: one that arrived in
    pieces and was handed on could not be sent again.

    Raises:
        ReplicaLostError: the second attempt lost its replica, too.
        Whatever else ``attempt`` raises, at once.
    """
    try:
        return await attempt()
    except ReplicaLostError:
        logger.bind(request_id=request_id).warning("lost a replica before any audio; tries again")
    return await attempt()
