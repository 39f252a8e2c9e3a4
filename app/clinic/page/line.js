// The way to the visit's apps: every step sealed with keys that come of the link, carried by the clinic's service.

const SALT = "thinline/1 guest";
const RETRY_MS = [300, 1200, 2700, 4800, 7000];
const text = new TextEncoder();

function toBase64(bytes) {
  let raw = "";
  for (const byte of bytes) raw += String.fromCharCode(byte);
  return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromBase64(written) {
  const raw = atob(written.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
}

function derive(material, use) {
  return { name: "HKDF", hash: "SHA-256", salt: text.encode(SALT), info: text.encode(use) };
}

// Opens and seals steps; `onStep(sender, step)`, `onWelcome(ice)`, `onEnded(reason)`, `onAway()`.
export class Line {
  constructor(secret, page, on) {
    this.secret = secret;
    this.page = page;
    this.on = on;
    this.keys = new Map();
    this.heard = new Map();
    this.sent = 0;
    this.tries = 0;
    this.over = false;
    this.work = Promise.resolve();
  }

  async open() {
    this.material = await crypto.subtle.importKey("raw", this.secret, "HKDF", false, ["deriveBits", "deriveKey"]);
    const bits = await crypto.subtle.deriveBits(derive(this.material, "admission"), this.material, 256);
    this.admission = new Uint8Array(bits);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", this.admission));
    this.guestId = Array.from(hash.slice(0, 20), (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}/v1/guest`);
    this.socket.addEventListener("open", () => {
      this.tell({ type: "hello", admission: toBase64(this.admission), page: toBase64(this.page) });
    });
    this.socket.addEventListener("message", (event) => {
      // One after the other: sealed steps open asynchronously, and their order counts.
      this.work = this.work.then(() => this.take(event.data)).catch(() => undefined);
    });
    this.socket.addEventListener("close", () => this.closed());
  }

  closed() {
    if (this.over) return;
    this.on.away();
    const wait = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
    this.tries += 1;
    setTimeout(() => this.over || this.connect(), wait);
  }

  async take(data) {
    const message = JSON.parse(data);
    if (message.type === "welcome") {
      this.tries = 0;
      this.on.welcome(message.ice);
    } else if (message.type === "ended") {
      this.close();
      this.on.ended(message.reason);
    } else if (message.type === "hears") {
      const step = await this.unseal(message.sender, fromBase64(message.box));
      if (step) this.on.step(message.sender, step);
    }
  }

  async key(use, usage) {
    const name = `${use} ${usage}`;
    if (!this.keys.has(name)) {
      const algorithm = { name: "AES-GCM", length: 256 };
      this.keys.set(name, await crypto.subtle.deriveKey(derive(this.material, use), this.material, algorithm, false, [usage]));
    }
    return this.keys.get(name);
  }

  // The step, or nothing when it was not sealed with this link's keys for us, or is an old one.
  async unseal(sender, box) {
    if (!/^[a-z0-9]{8,40}$/.test(sender) || this.heard.size > 8) return undefined;
    const key = await this.key(`to guest from ${sender}`, "decrypt");
    const options = { name: "AES-GCM", iv: box.slice(0, 12), additionalData: text.encode(this.guestId) };
    const clear = await crypto.subtle.decrypt(options, key, box.slice(12)).catch(() => undefined);
    if (clear === undefined) return undefined;
    const step = JSON.parse(new TextDecoder().decode(clear));
    if (step.sequence <= (this.heard.get(sender) ?? -1)) return undefined;
    this.heard.set(sender, step.sequence);
    return step;
  }

  async say(to, kind, call, sdp = "") {
    this.sent = Math.max(this.sent + 1, Date.now());
    const step = { kind, call, sequence: this.sent, sdp, page: toBase64(this.page), name: "", role: "" };
    const key = await this.key(`from guest to ${to}`, "encrypt");
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const options = { name: "AES-GCM", iv, additionalData: text.encode(this.guestId) };
    const sealed = new Uint8Array(await crypto.subtle.encrypt(options, key, text.encode(JSON.stringify(step))));
    const box = new Uint8Array(iv.length + sealed.length);
    box.set(iv);
    box.set(sealed, iv.length);
    this.tell({ type: "say", to, box: toBase64(box) });
  }

  tell(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  close() {
    this.over = true;
    this.socket.close();
  }
}
