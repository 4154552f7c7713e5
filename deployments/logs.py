"""Log lines of our own: loguru, to stderr and to a file for each process."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger

from configs.app import Logging
from configs.environment import read_environment, resolve_path

_LINE = (
    "{time:YYYY-MM-DD HH:mm:ss.SSS} | {level: <7} | {extra[process]} | {extra[request_id]} | "
    "{message}"
)


def start_logging(settings: Logging, process: str) -> None:
    """Send this process's log lines to stderr and to ``<folder>/<process>-<pid>.log``.

    Files are rotated, compressed and in the end deleted. In production every line is JSON.
    Each process has a file of its own, because rotating a shared one loses lines.
    """
    folder = resolve_path(settings.folder)
    folder.mkdir(parents=True, exist_ok=True)
    as_json = read_environment().is_production
    logger.remove()
    logger.configure(extra={"process": process, "request_id": "-"})
    logger.add(
        sys.stderr, level=settings.level, format=_LINE, serialize=as_json,
        backtrace=False, diagnose=False,
    )  # fmt: skip
    logger.add(
        folder / f"{process}-{os.getpid()}.log", level=settings.level, format=_LINE,
        serialize=as_json, rotation=settings.rotation, retention=settings.retention,
        compression=settings.compression, backtrace=False, diagnose=False,
    )  # fmt: skip


@contextmanager
def logged_failure(request_id: str, what: str) -> Iterator[None]:
    """Write a line if the block fails; Ray's own log has the stack, without the request's id."""
    try:
        yield
    except Exception as error:  # whatever broke is told with its request, and raised on
        logger.bind(request_id=request_id).error("{} failed: {}", what, type(error).__name__)
        raise
