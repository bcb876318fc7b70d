"""The errors a user can cause. Each says what was wrong, with which value, and what would be right."""


class StudioError(Exception):
    """Base of every error that is shown to the user in one line."""


class InputError(StudioError, ValueError):
    """A value, option or file content that the program cannot work with."""


class CheckpointError(StudioError):
    """A file that is not a checkpoint this program can load."""


class FileError(StudioError):
    """A file that cannot be read or written."""


class NoPictureError(FileError):
    """A file that is no picture of a kind that can be read."""


class NoSoundError(FileError):
    """A file that is no sound of a kind that can be read."""


class NoRecordError(FileError):
    """A file that carries no metadata of this program: it did not save it, or another has removed them."""
