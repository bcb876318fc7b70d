"""Without a command: the window."""

from __future__ import annotations

from pathlib import Path

from models.errors import FileError
from studio.cli.arguments import COMMANDS, path
from studio.cli.shared import PROGRAM, ArgumentsError, Parser


def open_window(arguments: list[str]) -> int:
    window = Parser(prog=PROGRAM, add_help=False)
    window.add_argument("file", metavar="FILE", nargs="?", type=path)
    known, more = window.parse_known_args(arguments)
    file: Path | None = known.file
    if file is not None and not file.is_file() and not (file / "config.json").is_file():
        if not file.suffix and len(file.parts) == 1 and not file.exists():
            raise ArgumentsError(f"no command and no file {str(file)!r}; the commands are {', '.join(COMMANDS)}")
        it_is = "it is a folder without config.json" if file.is_dir() else "it is no file"
        what = it_is if file.exists() else "there is no such file"
        raise FileError(f"cannot open {file}: {what}")
    if more:
        raise ArgumentsError(f"a window is opened with one FILE at most; unrecognized: {' '.join(more)}")
    from studio.doctor import check_window

    check_window()
    from studio.app import run_window

    code: int = run_window(file)
    return code
