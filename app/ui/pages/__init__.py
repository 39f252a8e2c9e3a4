"""One file a page; each draws a view and knows only its own commands."""
