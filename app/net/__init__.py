"""How a device talks with its clinic: TLS trust, tokens, typed errors, enrolment, events and signed signalling."""
