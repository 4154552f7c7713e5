"""The Ray Serve deployments: queueing, cancellation, health and metrics around what works."""
