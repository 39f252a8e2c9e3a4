"""The child process that seals and opens large files: started by app/offline/child.py, with limits.

Argument: "seal" or "open". On stdin come a line of JSON, {"recipients": ["age1...", ...]} or {"identity": "AGE-..."},
then the bytes: clear and padded already, or an age file. The result goes to stdout as it is made: 64 KiB pieces. At
the end comes a line of JSON on stderr: {"ok": true, "sha256": hex, "size": bytes} of what went to stdout, or
{"ok": false, "errno": number, "why": "..."}; errno is 0 unless stdout could not be written.
Until the parent has read "ok" it believes nothing of what came. It imports nothing of ours and opens no file.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys


class Out:
    """stdout, unbuffered, counted and hashed."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self.errno = 0

    def write(self, piece: bytes) -> int:
        self.digest.update(piece)
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[os.write(1, rest) :]
        except OSError as exc:
            self.errno = exc.errno or 0  # the library hides what the system said
            raise
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""


def main(arguments: list[str]) -> int:
    import pyrage  # type: ignore[import-untyped]

    keys = json.loads(sys.stdin.buffer.readline(1 << 20))
    out = Out()
    try:
        if arguments[0] == "seal":
            recipients = [pyrage.x25519.Recipient.from_str(text) for text in keys["recipients"]]
            pyrage.encrypt_io(sys.stdin.buffer, out, recipients)
        else:
            pyrage.decrypt_io(sys.stdin.buffer, out, [pyrage.x25519.Identity.from_str(keys["identity"])])
    except (pyrage.EncryptError, pyrage.DecryptError, OSError, ValueError) as exc:
        # The type alone: a message could quote what was read.
        answer: dict[str, object] = {"ok": False, "errno": out.errno, "why": type(exc).__name__}
    else:
        answer = {"ok": True, "sha256": out.digest.hexdigest(), "size": out.size}
    sys.stderr.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
