"""Which engine replica gets a request.

A request that brings its own voice goes to the replica that has it (consistent hashing), all
others to the less busy of two replicas. Ray's own router does only the first, and spreads
requests without a voice blindly.
"""

import random

from ray.serve._private.request_router.common import PendingRequest
from ray.serve._private.request_router.replica_wrapper import RunningReplica
from ray.serve.experimental.consistent_hash_router import ConsistentHashRouter

_CHOICES = 2


class VoiceRouter(ConsistentHashRouter):
    """Consistent hashing on ``session_id``; the power of two choices without one."""

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """Rank the replicas to try; those in one rank are compared by their queues."""
        if pending_request is None or pending_request.metadata.session_id:
            return await super().choose_replicas(candidate_replicas, pending_request)
        pending_request.routing_context.should_backoff = True
        count = min(_CHOICES, len(candidate_replicas))
        return [random.sample(candidate_replicas, count)] if count else []
