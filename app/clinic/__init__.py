"""The clinic service, a process of its own: it keeps what devices trust it with and can read none of it."""
