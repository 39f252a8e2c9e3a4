"""A guard against a reference-count fault of PySide6 6.12 under Python 3.11.

Measured with sys.getrefcount: every Qt call that returns nothing (QFont.setWeight, QWidget.update, QPainter.setPen)
takes a reference from None and gives none back, so after some ten thousand calls the interpreter ends with
"none_dealloc: deallocating None". From Python 3.12 None cannot die (PEP 683); before, we give it the references.
"""

from __future__ import annotations

import ctypes
import sys

_ENOUGH = 1 << (ctypes.sizeof(ctypes.c_ssize_t) * 8 - 3)


def keep_none() -> None:
    """Makes None outlive the process on a Python older than 3.12; may be called again at any time."""
    if sys.implementation.name == "cpython" and sys.hexversion < 0x030C0000:
        # ob_refcnt is the first field of an object in release builds of CPython 3.11.
        ctypes.c_ssize_t.from_address(id(None)).value = _ENOUGH
