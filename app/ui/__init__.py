"""The screens: the only part that knows PySide6. Pages draw views and send commands; they decide nothing."""

from app.ui.immortal import keep_none

keep_none()
