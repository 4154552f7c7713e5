"""Files that live in memory only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def memory_file(data: bytes = b"") -> Iterator[int]:
    """A seekable file that holds ``data`` and is positioned at its start; yields its descriptor."""
    descriptor = os.memfd_create("audio")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
