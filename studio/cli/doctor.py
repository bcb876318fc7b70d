"""``doctor``: what this machine has and lacks."""

from __future__ import annotations

import argparse

from studio.cli.shared import BAD_INPUT, write_json, write_line


def doctor(arguments: argparse.Namespace) -> int:
    from studio.doctor import examine

    diagnosis = examine()
    if arguments.json:
        write_json(diagnosis.to_json())
    else:
        write_line(diagnosis.to_text())
    return 0 if diagnosis.window else BAD_INPUT
