"""The most memory that this process has held, since one likes (Linux)."""

from pathlib import Path

_RESET_PEAK = "5"
"""See proc_pid_clear_refs(5)."""


def reset_peak() -> None:
    """Forget the peak so far."""
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")


def peak_bytes() -> int:
    """The largest resident set since the last ``reset_peak``.

    Raises:
        ValueError: the kernel does not say.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) * 1024
    raise ValueError("/proc/self/status lacks VmHWM")
