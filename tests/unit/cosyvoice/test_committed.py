"""Memory that is set aside is there at once, not when it is first used."""

import torch

from bench.memory import resident_bytes
from engines.cosyvoice.committed import committed_zeros

NUM_BYTES = 64 * 2**20


def test_the_process_holds_what_was_set_aside():
    before = resident_bytes()
    memory = committed_zeros(NUM_BYTES // 1024, 256, dtype=torch.float32, device="cpu")
    assert resident_bytes() - before > 0.9 * NUM_BYTES
    assert not memory.any()
