"""The HTTP and WebSocket face of the service: who may ask, what is answered; no rule of its own."""
