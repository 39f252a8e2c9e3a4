// A guest's page: joins a visit with a one-time link. Names come from outside and are shown as text, never as markup.

import { Call } from "/guest/call.js";
import { Line, fromBase64 } from "/guest/line.js";

const KEPT = "thinline-guest";
const ENDS = {
  unknown: "This link is not known. Please ask the clinic for a new one.",
  used: "This link has been used already. Please ask the clinic for a new one.",
  expired: "This link is too old. Please ask the clinic for a new one.",
  over: "The visit is over. You can close this page.",
  "too-many": "The clinic is busy just now. Please wait a few minutes and open the link again.",
  replaced: "This visit is open in another window.",
  faults: "The connection to the clinic failed. Please open the link again.",
};

const element = (name) => document.getElementById(name);
const says = (words) => { element("says").textContent = words; };
const calls = new Map();
const alone = new Set(); // who chose speech alone
let line;
let stream;
let ice;

// The link's secret is taken out of the address line at once; this tab keeps it, for when the page is loaded anew.
function ticket() {
  const written = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (written) {
    const page = crypto.getRandomValues(new Uint8Array(16));
    sessionStorage.setItem(KEPT, JSON.stringify({ written, page: Array.from(page) }));
  }
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (!kept || !/^[A-Za-z0-9_-]{22}$/.test(kept.written)) return undefined;
  return { secret: fromBase64(kept.written), page: Uint8Array.from(kept.page) };
}

async function devices() {
  const video = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { max: 24 } };
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio, video });
  } catch {
    return await navigator.mediaDevices.getUserMedia({ audio });
  }
}

async function join(found) {
  element("join").disabled = true;
  says("Asking for your microphone and camera …");
  try {
    stream = await devices();
  } catch {
    element("join").disabled = false;
    says("The browser gave no microphone. Please allow it, then press the button again.");
    return;
  }
  element("mine").srcObject = stream;
  element("mine").hidden = stream.getVideoTracks().length === 0;
  element("camera").hidden = stream.getVideoTracks().length === 0;
  element("before").hidden = true;
  element("during").hidden = false;
  says("Connecting you with the visit …");
  line = new Line(found.secret, found.page, {
    welcome: (given) => { ice = given; if (!calls.size) says("Please wait. The clinic connects you."); },
    away: () => { if (!calls.size) says("There is no connection to the clinic. It is tried again by itself."); },
    ended: (reason) => end(ENDS[reason] ?? ENDS.faults),
    step,
  });
  await line.open();
}

function step(sender, given) {
  if (given.kind === "bye") {
    if (given.role === "provider") end(ENDS.over);
    else if (calls.has(sender)) drop(sender);
  } else if (given.kind === "offer") {
    const person = calls.get(sender) ?? meet(sender, given.name, given.role);
    person.call.offer(given.call, given.sdp).catch(() => line.say(sender, "again", given.call));
  } else if (given.kind === "pictures-off" || given.kind === "pictures-on") {
    pictures(sender, given.kind === "pictures-on");
  }
}

// Speech alone was chosen there, or is no longer: a picture that nobody looks at must not take the line.
function pictures(sender, wanted) {
  const before = !alone.has(sender);
  if (wanted) alone.delete(sender);
  else alone.add(sender);
  calls.get(sender)?.call.want(wanted);
  if (wanted !== before) says(wanted ? "Pictures were chosen again." : "Speech alone was chosen. Your picture is not sent.");
}

// A new person's picture and the call with that person's app.
function meet(sender, name, role) {
  const figure = document.createElement("figure");
  const video = document.createElement("video");
  const caption = document.createElement("figcaption");
  video.autoplay = true;
  video.playsInline = true;
  figure.append(video, caption);
  element("people").append(figure);
  const title = role === "patient" ? `${name} (patient)` : name;
  caption.textContent = title;
  video.setAttribute("aria-label", `Picture of ${title}`);
  const call = new Call(stream, ice, {
    say: (kind, id, sdp) => line.say(sender, kind, id, sdp),
    show: (theirs) => { video.srcObject = theirs; video.play().catch(() => undefined); },
    thin: (without) => says(without
      ? "The connection is too thin for your picture just now. Your voice is sent."
      : "The connection is better. Your picture is sent again."),
    state: (connected) => {
      figure.dataset.connected = String(connected);
      says(connected ? `You are connected with ${title}.` : `The connection with ${title} is interrupted. Please wait.`);
    },
  });
  call.want(!alone.has(sender));
  const person = { call, figure };
  calls.set(sender, person);
  return person;
}

function drop(sender) {
  const person = calls.get(sender);
  calls.delete(sender);
  person.call.close();
  person.figure.remove();
}

async function leave() {
  await Promise.all([...calls.keys()].map((sender) => line.say(sender, "bye", "00000000")));
  end("You have left the visit. You can close this page.");
}

function end(words) {
  sessionStorage.removeItem(KEPT);
  line?.close();
  for (const sender of [...calls.keys()]) drop(sender);
  for (const track of stream?.getTracks() ?? []) track.stop();
  element("before").hidden = true;
  element("during").hidden = true;
  says(words);
}

function turn(button, kind, on, off) {
  element(button).addEventListener("click", () => {
    const tracks = stream.getTracks().filter((track) => track.kind === kind);
    const now = !tracks.some((track) => track.enabled);
    for (const track of tracks) track.enabled = now;
    element(button).textContent = now ? on : off;
    element(button).setAttribute("aria-pressed", String(!now));
  });
}

const found = window.isSecureContext && window.RTCPeerConnection ? ticket() : undefined;
turn("mute", "audio", "Mute", "Unmute");
turn("camera", "video", "Stop camera", "Start camera");
element("leave").addEventListener("click", leave);
window.addEventListener("hashchange", () => location.reload()); // another link, in the same tab
element("join").addEventListener("click", () => join(found));
if (!window.isSecureContext || !window.RTCPeerConnection) {
  end("This browser cannot take part in a visit here. Please use a newer one, and the link exactly as you got it.");
} else if (!found) {
  end(ENDS.unknown);
}
