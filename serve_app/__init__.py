"""The front door: what the world may say to the service, and how it answers."""

from serve_app.build import build

__all__ = ["build"]
