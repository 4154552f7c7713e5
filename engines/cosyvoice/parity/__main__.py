"""``python -m engines.cosyvoice.parity DIR``: compare every case of a golden directory.

Exits with 1 if a case fails, or if the directory holds a case that no stage knows.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from engines.cosyvoice.parity import e2e, flow, frontend, hift, llm, sampling, text
from engines.cosyvoice.parity.comparison import Comparison
from engines.cosyvoice.parity.golden import GoldenVersion, golden_versions

STAGES: dict[str, Callable[[GoldenVersion], Iterator[Comparison]]] = {
    "llm": llm.compare,
    "sampling": sampling.compare,
    "flow": flow.compare,
    "hift": hift.compare,
    "e2e": e2e.compare,
    "frontend": frontend.compare,
    "text": text.compare,
}


def compare_all(
    root: Path, *, only: frozenset[str] = frozenset(), device: str = "cpu"
) -> Iterator[Comparison]:
    """Compare the stages found in ``root``, or those of them named in ``only``."""
    for version in golden_versions(root, device):
        for stage in version.stages:
            if only and stage not in only:
                continue
            label = f"{version.name} {stage}"
            if stage not in STAGES:
                yield Comparison.failure(label, "unknown stage")
                continue
            for comparison in STAGES[stage](version):
                yield comparison.under(label)


def main() -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m engines.cosyvoice.parity")
    parser.add_argument("directory", type=Path, help="laid out as <version>/tiny/<stage>.npz")
    parser.add_argument("--stage", action="append", default=[], help="compare this stage only")
    parser.add_argument("--device", default="cpu", help="where our side is computed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False
    comparisons = []
    print(f"{'case':56} {'absolute':>10} {'relative':>10} {'tolerance':>10}")
    for comparison in compare_all(
        arguments.directory, only=frozenset(arguments.stage), device=arguments.device
    ):
        comparisons.append(comparison)
        print(comparison.line(), flush=True)
    failed = sum(not comparison.passed for comparison in comparisons)
    print(f"{len(comparisons)} comparisons, {failed} failed")
    return 1 if failed or not comparisons else 0


if __name__ == "__main__":
    sys.exit(main())
