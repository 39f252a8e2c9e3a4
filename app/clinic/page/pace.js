// What the page sends where the line is thin. A browser's own control never goes below 30 kbit/s of picture, sent as up
// to 25 pictures a second, beside the speech: 70 kbit/s in all. Less has to be asked for by the page itself.

// The most of each, bit/s; `shrink` of the camera's size; `active`: whether a picture is sent at all.
export const STEPS = [
  { video: 800000, fps: 30, shrink: 1, audio: 24000, active: true },
  { video: 22000, fps: 10, shrink: 2, audio: 20000, active: true },
  { video: 14000, fps: 6, shrink: 2, audio: 16000, active: true },
  { video: 14000, fps: 6, shrink: 2, audio: 12000, active: false },
];

const LEAST_VIDEO = 30000; // what the browser keeps to unless it is told a lower most
const LEAST_SPEECH = 26700; // what it reserves: the 24 kbit/s that the apps ask for, and RTP; a lower most changes nothing
const NEAR = 4500; // the headers below RTP that it may count too
const WAITING_S = 0.1; // this much longer than the shortest round trip: a queue stands
const LONG_S = 0.35; // a queue that stood from the first is in the shortest round trip too
const FALL_AFTER_S = 3;
const LAST_FALL_AFTER_S = 6; // to give pictures up; the queue of the step before has gone by then
const BEGIN = 1;
const RISE_FIRST_S = 2;
const RISE_AFTER_S = 8;
const RETRY_S = 20; // without pictures nothing tells how wide the line is
const IN_VAIN_S = 20;
const TRIED_S = 2; // a step up so lately that did not hold: the round trip, told every few seconds, is not waited for
const LONGEST_S = 160;
const DROP = 0.85; // so far down, and a queue lately: the browser has found where the line ends, and keeps below
const QUEUE_LASTS_S = 5; // the round trip is told every few seconds
const RISE_AFTER_DROP_S = 32;
const ROOM = 1.15;
const MUCH_ROOM = 2;

// Where the browser's estimate cannot go any lower.
export const floor = ({ video, active }) => LEAST_SPEECH + (active ? Math.min(LEAST_VIDEO, video) : 0);

// What `look` goes by: the browser's estimate of the line (bit/s) and the last round trip on it (s).
export async function figures(connection) {
  const reports = [...(await connection.getStats()).values()];
  const pair = reports.find((one) => one.type === "candidate-pair" && one.nominated);
  return [pair?.availableOutgoingBitrate, pair?.currentRoundTripTime];
}

// What an encoding of a sender's parameters may take on a step; `kind` of its track.
export function bound(encoding, kind, step) {
  encoding.maxBitrate = step[kind];
  if (kind !== "video") return;
  encoding.maxFramerate = step.fps;
  encoding.scaleResolutionDownBy = step.shrink;
  encoding.active = step.active;
}

// PURE: `look` once a second with the browser's estimate (bit/s) and the last round trip (s), either undefined where
// it is not known; gives the step to be on. A browser that tells no estimate is left alone.
export class Pace {
  constructor() {
    this.step = BEGIN;
    this.least = Infinity;
    this.wish = { way: 0, since: 0 };
    this.rose = -Infinity;
    this.hold = RISE_FIRST_S;
    this.queued = -Infinity;
    this.top = 0;
  }

  look(now, estimate, trip) {
    if (estimate === undefined) return (this.step = 0);
    if (trip === undefined) return this.step;
    this.least = Math.min(this.least, trip);
    this.heed(now, estimate, trip);
    const tried = now - this.rose < IN_VAIN_S && STEPS[this.step + 1]?.active; // from speech alone little was known
    const [way, after] = this.wished(estimate, trip, tried);
    if (way !== this.wish.way) this.wish = { way, since: now };
    if (way && now - this.wish.since >= after) this.move(way, now);
    return this.step;
  }

  // Where less than the whole picture needs was too much, that is not tried soon.
  heed(now, estimate, trip) {
    if (trip > this.least + WAITING_S) this.queued = now;
    this.top = Math.max(this.top, estimate);
    if (estimate > DROP * this.top) return;
    const thin = this.step === 1 && this.top < MUCH_ROOM * floor(STEPS[0]);
    if (thin && now - this.queued <= QUEUE_LASTS_S) this.hold = Math.max(this.hold, RISE_AFTER_DROP_S);
    this.top = estimate;
  }

  // Down (1), up (-1) or neither, and how long that must have been so.
  wished(estimate, trip, tried) {
    const calm = trip <= this.least + WAITING_S;
    const down = calm && trip <= LONG_S && !tried ? [0, 0] : this.lower(estimate, tried);
    return down[0] || !calm ? down : this.higher(estimate);
  }

  lower(estimate, tried) {
    const here = STEPS[this.step];
    if (!here.active || estimate > floor(here) + NEAR) return [0, 0];
    if (tried) return [1, TRIED_S];
    return [1, STEPS[this.step + 1].active ? FALL_AFTER_S : LAST_FALL_AFTER_S];
  }

  higher(estimate) {
    if (this.step === 0) return [0, 0];
    const room = estimate / floor(STEPS[this.step - 1]);
    if (!STEPS[this.step].active) return [-1, room > ROOM ? this.hold : Math.max(this.hold, RETRY_S)];
    return [room > ROOM ? -1 : 0, room > MUCH_ROOM ? RISE_FIRST_S : this.hold];
  }

  // A step up that did not hold is tried again after twice as long.
  move(way, now) {
    const inVain = way > 0 && now - this.rose < IN_VAIN_S;
    if (way > 0) this.hold = inVain ? Math.min(LONGEST_S, 2 * this.hold) : Math.max(this.hold, RISE_AFTER_S);
    this.rose = way < 0 ? now : -Infinity; // one failure, in however many steps it falls
    this.step += way;
    this.wish = { way: 0, since: now };
  }
}
