"""The command line. Neither torch nor Qt is imported before a command needs it.

Exit codes: 0 done, 1 a file or the data in it cannot be used, 2 wrong arguments, 130 interrupted. Every error is one
line on standard error. Where one of several files cannot be used, the others are.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence

from models.atomic import reason
from models.errors import FileError, StudioError
from studio.cli.arguments import COMMANDS, parser
from studio.cli.shared import BAD_ARGUMENTS, BAD_INPUT, INTERRUPTED, ArgumentsError, drop, fail, say
from studio.cli.window import open_window

STDERR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    replace_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a character the terminal lacks, or half of one in a path
    # Pillow would warn on the user's terminal, with a path of its own, of sizes that this program looks at itself.
    warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")
    code = 0
    try:
        try:
            code = dispatch(arguments)
        except SystemExit as stop:  # --help and --version
            code = int(stop.code or 0)
        except ArgumentsError as error:
            code = fail(error, BAD_ARGUMENTS)
        except StudioError as error:
            code = fail(error, BAD_INPUT)
        except MemoryError:
            code = fail(StudioError("there is not enough memory for this; ask for fewer samples or steps"), BAD_INPUT)
        sys.stdout.flush()
    except BrokenPipeError:
        drop(sys.stdout)  # whoever read it has had enough
    except OSError as error:  # of a file that no command names better, or of the output itself
        try:
            sys.stdout.flush()
        except OSError:
            drop(sys.stdout)
        where = error.filename or "cannot go on"
        code = fail(FileError(f"{where}: {reason(error)}"), BAD_INPUT)
    except KeyboardInterrupt:
        say("")
        code = INTERRUPTED
    try:
        sys.stderr.flush()
    except OSError:  # progress that nobody could read fails nothing
        drop(sys.stderr)
    return code


def replace_closed_streams() -> None:
    """What was closed by whoever started the program leads nowhere, and its number goes to no file opened later."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(number)
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def dispatch(arguments: list[str]) -> int:
    if not arguments or (not arguments[0].startswith("-") and arguments[0] not in COMMANDS) or arguments[0] == "--":
        return open_window(arguments)
    chosen = parser().parse_args(arguments)
    # OpenMP threads that spin while they wait starve each other on a busy machine; read when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    code: int = chosen.run(chosen)
    return code
