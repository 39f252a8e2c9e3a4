// The call with one app of the visit: it offers, we answer. An offer with a new call replaces the old connection when
// it stands, so that a change of network interrupts as little as can be.

import { Pace, STEPS, bound, figures } from "/guest/pace.js";

const GATHER_MS = 2500;
const HELPLESS_MS = 6000;
const LOOK_MS = 1000;

function gathered(connection) {
  return new Promise((resolve) => {
    const done = () => connection.iceGatheringState === "complete" && resolve();
    connection.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHER_MS);
    done();
  });
}

// `say(kind, call, sdp)` to the app, `show(stream)` when there is something to see and hear, `state(connected)`,
// `thin(without)`: whether the line is too thin for our pictures.
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
    this.pace = new Pace();
    this.looking = setInterval(() => this.look(), LOOK_MS);
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

  // How thin is the line, and what goes over it?
  async look() {
    const [connection, before] = [this.current, this.pace.step];
    if (connection?.connectionState !== "connected") return;
    const [estimate, trip] = await figures(connection);
    if (connection !== this.current || this.over) return;
    const step = this.pace.look(performance.now() / 1000, estimate, trip);
    if (step === before) return;
    this.settle(connection);
    const seen = this.pictures && this.stream.getVideoTracks().length > 0;
    if (seen && STEPS[step].active !== STEPS[before].active) this.on.thin(!STEPS[step].active);
  }

  // Speech first: it leaves before the picture where both wait, and each has a bound.
  async set(connection) {
    const step = STEPS[this.pace.step];
    for (const sender of connection.getSenders()) {
      if (!sender.track) continue;
      const [kind, parameters] = [sender.track.kind, sender.getParameters()];
      for (const encoding of parameters.encodings) {
        encoding.priority = kind === "audio" ? "high" : "low";
        bound(encoding, kind, step);
        if (kind === "video" && !this.pictures) encoding.active = false;
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
        this.pace = new Pace(); // perhaps another network
        this.settle(connection);
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
    clearInterval(this.looking);
    this.pending?.close();
    this.current?.close();
  }
}
