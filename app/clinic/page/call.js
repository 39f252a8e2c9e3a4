// The call with one app of the visit: it offers, we answer. An offer with a new call replaces the old connection when
// it stands, so that a change of network interrupts as little as can be.

const GATHER_MS = 2500;
const HELPLESS_MS = 6000;
const MOST_VIDEO_BPS = 800000;

function gathered(connection) {
  return new Promise((resolve) => {
    const done = () => connection.iceGatheringState === "complete" && resolve();
    connection.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHER_MS);
    done();
  });
}

// `say(kind, call, sdp)` to the app, `show(stream)` when there is something to see and hear, `state(connected)`.
export class Call {
  constructor(stream, ice, on) {
    this.stream = stream;
    this.ice = ice;
    this.on = on;
    this.current = undefined;
    this.pending = undefined;
    this.helpless = undefined;
    this.over = false;
    this.pictures = true; // whether the app wants ours: speech alone may have been chosen there
    this.setting = Promise.resolve();
  }

  async offer(call, sdp) {
    const connection = new RTCPeerConnection({
      iceServers: this.ice.servers.map(({ urls, username, credential }) =>
        username ? { urls, username, credential } : { urls }),
      iceTransportPolicy: this.ice.policy,
      bundlePolicy: "max-bundle",
    });
    this.pending?.close();
    this.pending = connection;
    const theirs = new MediaStream();
    connection.addEventListener("track", (event) => theirs.addTrack(event.track));
    connection.addEventListener("connectionstatechange", () => this.moved(connection, call, theirs));
    await connection.setRemoteDescription({ type: "offer", sdp });
    for (const track of this.stream.getTracks()) connection.addTrack(track, this.stream);
    await connection.setLocalDescription();
    await this.settle(connection);
    await gathered(connection);
    if (connection === this.pending && !this.over) await this.on.say("answer", call, connection.localDescription.sdp);
  }

  // Whether our pictures go there, from now on and in every later connection.
  want(pictures) {
    this.pictures = pictures;
    for (const connection of [this.current, this.pending]) if (connection) this.settle(connection);
  }

  // One after the other: a sender's parameters must not be set by two at a time.
  settle(connection) {
    this.setting = this.setting.then(() => this.set(connection));
    return this.setting;
  }

  // Speech first: it leaves before the picture where both wait, and the picture has a bound.
  async set(connection) {
    for (const sender of connection.getSenders()) {
      if (!sender.track) continue;
      const parameters = sender.getParameters();
      for (const encoding of parameters.encodings) {
        encoding.priority = sender.track.kind === "audio" ? "high" : "low";
        if (sender.track.kind === "video") {
          encoding.maxBitrate = MOST_VIDEO_BPS;
          encoding.active = this.pictures;
        }
      }
      await sender.setParameters(parameters).catch(() => undefined);
    }
  }

  moved(connection, call, theirs) {
    if (this.over) return;
    const state = connection.connectionState;
    if (state === "connected") {
      clearTimeout(this.helpless);
      if (connection === this.pending) {
        this.current?.close();
        this.current = connection;
        this.pending = undefined;
        this.on.show(theirs);
      }
      this.on.state(true);
    } else if (connection === this.current && (state === "disconnected" || state === "failed")) {
      this.on.state(false);
      clearTimeout(this.helpless);
      this.helpless = setTimeout(() => this.over || this.on.say("again", call), state === "failed" ? 0 : HELPLESS_MS);
    }
  }

  close() {
    this.over = true;
    clearTimeout(this.helpless);
    this.pending?.close();
    this.current?.close();
  }
}
