"""``cosyvoice-mms doctor``: is everything there that the service needs, and what to do if not."""

import argparse
import json
from dataclasses import asdict

from commands.checks import Finding, examine
from commands.parsers import add_json, add_profile

_SIGNS = {True: "ok  ", False: "FAIL"}


def fill(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_profile(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check everything; status 1 if something is wrong."""
    findings = list(examine(arguments.profile))
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        print("\n".join(map(_line, findings)))
    return int(not all(finding.good for finding in findings))


def _line(finding: Finding) -> str:
    line = f"{_SIGNS[finding.good]}  {finding.what}: {finding.found}"
    return line if finding.good else f"{line}\n      -> {finding.remedy}"
