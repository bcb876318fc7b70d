"""Pictures on the clipboard that carry what a saved file does: pasted into the studio they are opened as one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication, QImage, QStandardItemModel

from models.file_format import no_record

PNG = "image/png"
PICTURE = "the picture on the clipboard"
"""What messages call it."""


def copy_picture(picture: QImage, png: bytes) -> None:
    """Puts a picture on the clipboard, with the file that those who ask for a PNG get."""
    data = mime_data()
    data.setImageData(picture)
    data.setData(PNG, png)
    QGuiApplication.clipboard().setMimeData(data)


def mime_data() -> QMimeData:
    """Empty ones that Qt has made.

    Some platforms' clipboards (offscreen) are destroyed after Python has ended, where one made in Python, whoever owns
    it, crashes the program. Emptying the clipboard at the end would take from the user what they have copied.
    """
    model = QStandardItemModel(1, 1)
    data = model.mimeData([model.index(0, 0)])
    data.clear()
    return data


def pasted() -> Path | bytes | None:
    """A file that lies on the clipboard, or the content of one; None where there is neither.

    Raises FileError for a picture that is no file, and so has no record.
    """
    data: QMimeData | None = QGuiApplication.clipboard().mimeData()
    if data is None:  # of an empty clipboard, on some platforms
        return None
    for url in data.urls():
        if url.isLocalFile():
            return Path(url.toLocalFile())
    content = bytes(data.data(PNG).data())
    if not content and data.hasImage():
        raise no_record(PICTURE)
    return content or None
