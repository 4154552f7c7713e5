"""The memory that this process holds, and the most that it has held since one likes (Linux)."""

from pathlib import Path

_RESET_PEAK = "5"
"""See proc_pid_clear_refs(5)."""


def reset_peak() -> None:
    """Forget the peak so far."""
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")


def peak_bytes() -> int:
    """The largest resident set since the last ``reset_peak``."""
    return _status("VmHWM")


def resident_bytes() -> int:
    """The resident set now."""
    return _status("VmRSS")


def _status(wanted: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == wanted:
            return int(value.split()[0]) * 1024
    raise ValueError(f"/proc/self/status lacks {wanted}")
