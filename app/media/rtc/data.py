"""Data channels (RFC 8831) for written words and for what is looked at closer: SCTP through the pacer, bounded.

Packets of words, and what SCTP needs to work at all, go in front of pictures; those of "closer" behind them, one at a
time, each message on that label in parts of one packet, so that a word waits behind one part at most.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from aiortc import RTCDataChannel, RTCDataChannelParameters

from app.media.rate.feedback import Kind
from app.media.rate.speech import PACKET_OVERHEAD_BYTES
from app.media.rtc.dtls import DTLS_OVERHEAD
from app.media.rtc.outbound import IP_UDP_BYTES, Outbound
from app.media.rtc.path import Path
from app.media.rtc.private_sctp import BINARY, BINARY_EMPTY, STRING
from app.media.rtc.sdp import LONGEST_MESSAGE, DataPort

log = logging.getLogger(__name__)

WORDS, CLOSER = "words", "closer"
DATA_OVERHEAD_BYTES = IP_UDP_BYTES + DTLS_OVERHEAD + 12 + 16
"""What one packet of data costs beside what it carries: SCTP's header, one chunk's, DTLS, UDP and IP."""
_MOST_BACKLOG = {WORDS: 32_768, CLOSER: 4 * LONGEST_MESSAGE + 500}
"""Bytes; the marks of parts are in it."""
_WORDS_QUEUED = 1_500
_MORE, _LAST = b"\x01", b"\x00"


def payload_limit(payload_bytes: int) -> int:
    """Bytes of data in one packet that is no larger on the wire than RTP with a payload of `payload_bytes`."""
    return (payload_bytes + PACKET_OVERHEAD_BYTES - DATA_OVERHEAD_BYTES) // 4 * 4


class DataChannels:
    """Of one transport. `received(label, data)` gets each message, `changed()` is called when `ready` may differ,
    `heard(bytes)` is told of each packet that came. `opens`: our side opens the channels. All on the loop.
    """

    def __init__(
        self,
        path: Path,
        outbound: Outbound,
        remote: DataPort,
        *,
        opens: bool,
        ours: bool,
        received: Callable[[str, bytes], None],
        changed: Callable[[], None],
        heard: Callable[[int], None],
    ) -> None:
        self._outbound, self._remote, self._opens, self._ours = outbound, remote, opens, ours
        self._received, self._changed = received, changed
        self._sctp = path.association(self._out, self._room, self._take, heard)
        self._sctp.on("datachannel", self._on_channel)
        self._sctp.on_room = self._feed
        self._channels: dict[str, RTCDataChannel] = {}
        self._labels: dict[int, str] = {}
        self._bulk: deque[bytes] = deque()
        self._sent = 0  # of the first bulk message
        self._parts: list[bytes] = []
        self._stopped = False
        self.refused = 0
        """Messages that were longer than we take."""
        outbound.carry_data(path.send_data, self._more)

    async def start(self) -> None:
        """When the way is connected."""
        await self._sctp.begin(self._remote.port)
        if self._opens:
            for label in (WORDS, CLOSER) if self._ours else (WORDS,):
                self._watch(RTCDataChannel(self._sctp, RTCDataChannelParameters(label=label)))

    async def stop(self) -> None:
        self._stopped = True
        await self._sctp.stop()

    def use(self, payload_bytes: int) -> None:
        """The largest RTP payload that the rate decision allows: no packet of ours takes the link for longer."""
        self._sctp.payload_limit = payload_limit(payload_bytes)

    def hurry(self) -> None:
        """The link carries again after a silence."""
        if not self._stopped:
            self._sctp.hurry()

    # Channels

    def _on_channel(self, channel: RTCDataChannel) -> None:
        """One that the far side opened; what we do not know is left alone, and nothing of it is taken."""
        if channel.label in ((WORDS, CLOSER) if self._ours else (WORDS,)):
            self._watch(channel)
            self._opened(channel)

    def _watch(self, channel: RTCDataChannel) -> None:
        channel.on("open", lambda: self._opened(channel))
        channel.on("close", lambda: self._closed(channel))

    def _opened(self, channel: RTCDataChannel) -> None:
        assert channel.id is not None
        self._labels[channel.id] = channel.label
        if channel.label == CLOSER:
            self._sctp.bulk.add(channel.id)
        self._channels.setdefault(channel.label, channel)
        self._changed()

    def _closed(self, channel: RTCDataChannel) -> None:
        if channel.id is not None:
            self._labels.pop(channel.id, None)
            self._sctp.bulk.discard(channel.id)
        if self._channels.get(channel.label) is channel:
            del self._channels[channel.label]
            if channel.label == CLOSER:
                self._bulk.clear()
                self._parts, self._sent = [], 0
        if not self._stopped:
            self._changed()

    @property
    def ready(self) -> bool:
        """Whether both sides can send: on both labels among our own, on "words" with a guest."""
        return not self._stopped and set(self._channels) >= ({WORDS, CLOSER} if self._ours else {WORDS})

    # Out

    def send(self, label: str, data: bytes) -> bool:
        """False, and nothing kept, when there is no such channel now or too much waits on it. Raises ValueError for
        more than LONGEST_MESSAGE bytes.
        """
        if len(data) > LONGEST_MESSAGE:
            raise ValueError(f"a message of {len(data)} bytes")
        channel = self._channels.get(label)
        if channel is None or channel.id is None or self._stopped or self._remote.longest < len(data):
            return False
        if self.backlog(label) + len(data) > _MOST_BACKLOG[label]:
            return False
        if label == CLOSER and not self._bulk and data[:1] == b"{" and len(data) < self._sctp.payload_limit:
            # An ask or its answer: a person waits for it, and pictures would stand before it for long.
            self._sctp.submit(channel.id, BINARY, _LAST + data, first=True)
        elif label == CLOSER:
            self._bulk.append(data)
            self._feed()
        else:
            self._sctp.submit(channel.id, _protocol(data), data or b"\x00")
        return True

    def backlog(self, label: str) -> int:
        """Bytes handed over that the far side's SCTP has not told of."""
        channel = self._channels.get(label)
        if channel is None or channel.id is None:
            return 0
        waiting = sum(map(len, self._bulk)) - self._sent if label == CLOSER else 0
        return waiting + self._sctp.unacknowledged(channel.id)

    def _feed(self) -> None:
        """The next parts of bulk, as far as the pacer takes them."""
        channel = self._channels.get(CLOSER)
        while self._bulk and channel is not None and channel.id is not None and self._sctp.idle and self._room(False):
            message = self._bulk[0]
            part = message[self._sent : self._sent + self._sctp.payload_limit - 1]
            self._sent += len(part)
            whole = self._sent >= len(message)
            if whole:
                self._bulk.popleft()
                self._sent = 0
            self._sctp.submit(channel.id, BINARY, (_LAST if whole else _MORE) + part)

    def _more(self) -> None:
        if not self._stopped:
            self._sctp.pump()
            self._feed()

    def _out(self, words: bool, packet: bytes) -> None:
        """A full queue loses it, and SCTP repeats it; `_room` keeps that from happening."""
        if not self._stopped and not self._outbound.push_data(Kind.WORDS if words else Kind.DATA, packet):
            log.info("the pacer's queue is full: a packet of data is left to be repeated")

    def _room(self, words: bool) -> bool:
        return self._outbound.queued(Kind.WORDS) < _WORDS_QUEUED if words else not self._outbound.queued(Kind.DATA)

    # In

    def _take(self, stream: int, data: bytes) -> None:
        label = self._labels.get(stream)
        if label is None or self._stopped:
            return
        if label == CLOSER:
            self._join(data)
        elif len(data) > LONGEST_MESSAGE:
            self.refused += 1
        else:
            self._received(label, data)

    def _join(self, part: bytes) -> None:
        """Parts of one message follow each other; what grows too long is dropped whole."""
        if part[:1] not in (_MORE, _LAST):
            self.refused += 1
            return
        self._parts.append(part[1:])
        too_long = sum(map(len, self._parts)) > LONGEST_MESSAGE or len(self._parts) > LONGEST_MESSAGE // 16
        if too_long:
            self._parts = [bytes(LONGEST_MESSAGE + 1)]  # until its last part
        if part[:1] == _LAST:
            message, self._parts = b"".join(self._parts), []
            if len(message) > LONGEST_MESSAGE:
                self.refused += 1
            else:
                self._received(CLOSER, message)


def _protocol(data: bytes) -> int:
    if not data:
        return BINARY_EMPTY
    try:
        data.decode()
    except UnicodeDecodeError:
        return BINARY
    return STRING
