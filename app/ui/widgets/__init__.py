"""Widgets that know no page: pictures, buttons, sentences, rows."""
