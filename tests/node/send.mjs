// npm tus-js-client against our service: sends a file in pieces of `chunk` bytes, stops once on the way, resumes, and
// prints the upload's address.
import { readFileSync } from "node:fs";
import tus from "tus-js-client";

const { endpoint, token, file, metadata, chunk, together } = JSON.parse(process.argv[2]);
const content = readFileSync(file);
let stopped = false;

function send(uploadUrl) {
  const upload = new tus.Upload(content, {
    endpoint,
    uploadUrl,
    metadata,
    chunkSize: chunk,
    uploadDataDuringCreation: together,
    retryDelays: null,
    headers: { Authorization: `Bearer ${token}` },
    onError: (error) => { console.error(String(error)); process.exit(1); },
    onSuccess: () => console.log(upload.url),
    onChunkComplete: (size, accepted) => {
      if (!stopped && accepted < content.length) {
        stopped = true;
        upload.abort().then(() => send(upload.url));
      }
    },
  });
  upload.start();
}
send(null);
