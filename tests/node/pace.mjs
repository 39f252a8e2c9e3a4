// Runs the guest page's Pace: lines of JSON [now, estimate, trip] (null where the browser does not know) in, the step
// after each out; first the steps themselves with their floors.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const text = readFileSync(process.argv[2], "utf8");
const { Pace, STEPS, floor } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
const known = (value) => value ?? undefined;
let pace = new Pace();
console.log(JSON.stringify(STEPS.map((step) => ({ ...step, floor: floor(step) }))));
for await (const line of createInterface({ input: process.stdin })) {
  const [now, estimate, trip] = JSON.parse(line);
  if (now === null) pace = new Pace();
  else console.log(pace.look(now, known(estimate), known(trip)));
}
