"""The soak, for a few seconds."""

from bench.soak import Soak, run
from engines.cosyvoice.config import Version


def test_rude_clients_leave_nothing_behind():
    soak = Soak.start(Version.COSYVOICE3)
    try:
        lines = []
        wrong = run(soak, seconds=6.0, clients=6, seed=1, show=lines.append)
        # In so short a time memory is not settled; the rest has to hold.
        assert not [fault for fault in wrong if "memory" not in fault]
        assert soak.outcomes["heard"] > 0
        assert soak.outcomes["left"] > 0
        assert lines
    finally:
        soak.worker.close()
