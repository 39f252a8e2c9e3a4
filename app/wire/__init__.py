"""What client and clinic service say to each other: the messages, their signatures and their version."""

PROTOCOL_HEADER = "Thinline-Protocol"
PROTOCOL_VERSION = "1"
"""Every answer of a clinic service carries this header; an answer without it is a captive portal or another server."""

API = "/v1"
MAX_JSON_BYTES = 256 * 1024
"""Bound of any JSON body or WebSocket message, either way (design law 7)."""
