"""PyPI tuspyserver in uvicorn on a free port: prints its address, runs until it is ended."""

from __future__ import annotations

import socket
import sys

import uvicorn
from fastapi import FastAPI
from tuspyserver import create_tus_router


def main(folder: str, days: str) -> None:
    app = FastAPI()
    app.include_router(create_tus_router(prefix="files", files_dir=folder, days_to_keep=int(days)))
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
