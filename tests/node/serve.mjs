// npm @tus/server with @tus/file-store on a free port of this machine: prints its address, runs until it is ended.
import { createServer } from "node:http";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const [folder, life] = process.argv.slice(2);
const datastore = new FileStore({ directory: folder, expirationPeriodInMilliseconds: Number(life) });
const tus = new Server({ path: "/files", datastore });
const server = createServer((request, response) => tus.handle(request, response));
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
