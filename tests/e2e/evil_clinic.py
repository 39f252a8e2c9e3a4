"""A clinic service that sits in the middle: the real one, but it puts its own DTLS fingerprint into every offer.

`python -m tests.e2e.evil_clinic keep|resign serve ...`: with the sender's signature left as it was, or signed anew
with a key of the service's own.
"""

import json
import re
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.clinic import cli, rooms
from app.wire.signed import Context, Signed, sign
from app.wire.visits import SignalBody

OWN_KEY = Ed25519PrivateKey.generate()
OWN_FINGERPRINT = ":".join(["AA"] * 32)

honest = rooms.Rooms.signal


def swap(payload: bytes) -> bytes:
    body = json.loads(payload)
    body["sdp"] = re.sub(r"(a=fingerprint:sha-256 )[0-9A-F:]+", rf"\g<1>{OWN_FINGERPRINT}", body["sdp"])
    return json.dumps(body).encode()


def main() -> int:
    how = sys.argv[1]

    def signal(self, sender, message):
        deliver = honest(self, sender, message)
        payload = swap(deliver.message.body.payload)
        if how == "resign":
            body = sign(SignalBody.model_validate_json(payload), Context.SIGNAL, OWN_KEY)
        else:
            body = Signed(payload=payload, signature=deliver.message.body.signature)
        changed = deliver.message.model_copy(update={"body": body})
        return rooms.Deliver(deliver.to, changed)

    rooms.Rooms.signal = signal
    return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
