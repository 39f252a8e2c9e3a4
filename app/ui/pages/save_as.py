"""Asking where to save a file in clear, without stopping the window: the dialog answers later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QStandardPaths, Qt
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QLineEdit, QWidget

from app.ui import names


def ask_where_to_save(
    parent: QWidget, name: str, chosen: Callable[[Path], None], *, voice: bool = False
) -> QFileDialog:
    """Opens the dialog over `parent`; `chosen` is called with the place unless the person cancels.

    Its fields and buttons bear names as those of :func:`app.ui.pages.files.ask_for_files`.
    """
    say = QCoreApplication.translate
    dialog = QFileDialog(parent, say("save", "Save the clip, unsealed, as a file on this computer"))
    dialog.setObjectName(names.FILE_DIALOG)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setNameFilters([say("save", "Voice messages (*.ogg)") if voice else say("save", "Clips (*.mp4)")])
    dialog.setDefaultSuffix("ogg" if voice else "mp4")
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    if folder and Path(folder).is_dir():
        dialog.setDirectory(folder)
    dialog.selectFile(name)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    field = dialog.findChild(QLineEdit, "fileNameEdit")
    box = dialog.findChild(QDialogButtonBox)
    if field is not None and box is not None:  # ours, not the system's
        field.setObjectName(names.FILE_PATH)
        box.button(QDialogButtonBox.StandardButton.Save).setObjectName(names.FILE_OPEN)
        box.button(QDialogButtonBox.StandardButton.Cancel).setObjectName(names.FILE_CANCEL)
    dialog.fileSelected.connect(lambda path: chosen(Path(path)))
    dialog.open()
    return dialog
