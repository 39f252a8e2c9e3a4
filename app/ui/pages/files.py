"""Asking for files, without stopping the window: the dialog answers later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QStandardPaths, Qt
from PySide6.QtWidgets import QCompleter, QDialogButtonBox, QFileDialog, QLineEdit, QWidget

from app.ui import names

PHOTOS = ("jpg", "jpeg", "png", "webp", "avif", "heic", "heif")
FILES = (*PHOTOS, "pdf", "mp4", "ogg", "oga", "opus", "json")
"""What app.offline.from_file takes; it goes by a file's content, this only by what such files are called."""


def ask_for_files(
    parent: QWidget,
    chosen: Callable[[list[Path]], None],
    *,
    photos: bool = False,
    endings: Sequence[str] = (),
    many: bool = True,
) -> QFileDialog:
    """Opens the dialog over `parent`; `chosen` is called with the paths unless the person cancels. `photos`: no other
    files are taken here; `endings`: these alone; not `many`: one of them.

    It is the system's own dialog unless the application has AA_DontUseNativeDialogs (driven or off screen); then
    its field and buttons bear the names FILE_PATH, FILE_OPEN and FILE_CANCEL.
    """
    say = QCoreApplication.translate
    title = (
        say("files", "Choose photos for the clinic")
        if photos
        else say("files", "Choose photos or files for the clinic")
    )
    if not many:
        title = say("files", "Choose a file for the clinic")
    kind = say("files", "Photos") if photos else say("files", "Photos and files")
    dialog = QFileDialog(parent, title)
    dialog.setObjectName(names.FILE_DIALOG)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles if many else QFileDialog.FileMode.ExistingFile)
    patterns = " ".join(f"*.{e} *.{e.upper()}" for e in endings or (PHOTOS if photos else FILES))
    dialog.setNameFilters([f"{kind} ({patterns})", say("files", "All files (*)")])
    pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
    if pictures and Path(pictures).is_dir():
        dialog.setDirectory(pictures)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    field = dialog.findChild(QLineEdit, "fileNameEdit")
    if field is not None:  # ours, not the system's
        field.setObjectName(names.FILE_PATH)
        field.completer().setCompletionMode(
            QCompleter.CompletionMode.InlineCompletion
        )  # a pop-up would cover the buttons
        box = dialog.findChild(QDialogButtonBox)
        if box is not None:
            box.button(QDialogButtonBox.StandardButton.Open).setObjectName(names.FILE_OPEN)
            box.button(QDialogButtonBox.StandardButton.Cancel).setObjectName(names.FILE_CANCEL)
    dialog.filesSelected.connect(lambda paths: chosen([Path(p) for p in paths]))
    dialog.open()
    return dialog
