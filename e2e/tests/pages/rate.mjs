// Pages a second, and the time of the processor that one costs, beside a bare axum server that answers with
// the same bytes: `node rate.mjs URL PID BARE_PAGE`, the pid of the service and the program of the other.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATH = "/accounts/login/";
const CONNECTIONS = 16;
const SECONDS = 4;
const ROUNDS = 3;
/** Of a second: `_SC_CLK_TCK` of Linux. */
const TICK = 0.01;

const [url, pid, program] = process.argv.slice(2);
const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];

/** What a process has used of the processors, in seconds. */
function used(of) {
  const stat = readFileSync(`/proc/${of}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

/** Asks for the page again and again on one connection, and notes how long each first byte took. */
function ask(port, until, firsts) {
  const request = `GET ${PATH} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/html\r\nAccept-Language: fa\r\nAccept-Encoding: identity\r\n\r\n`;
  return new Promise((done, fail) => {
    const socket = net.connect(Number(port), "127.0.0.1");
    let [answered, missing, head, began] = [0, 0, "", 0];
    const send = () => {
      if (performance.now() > until) return socket.end(() => done(answered));
      began = performance.now();
      socket.write(request);
    };
    socket.setNoDelay(true);
    socket.on("connect", send);
    socket.on("error", fail);
    socket.on("data", (bytes) => {
      let body = bytes.length;
      if (!missing) {
        if (!head) firsts.push(performance.now() - began);
        head += bytes.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        if (!head.startsWith("HTTP/1.1 200")) return fail(new Error(head.slice(0, 40)));
        missing = Number(/content-length: (\d+)/i.exec(head)[1]);
        body = head.length - end - 4;
        head = "";
      }
      missing -= body;
      if (missing === 0) {
        answered += 1;
        send();
      }
    });
  });
}

async function measure(of, port) {
  const [before, began, firsts] = [used(of), performance.now(), []];
  const until = began + SECONDS * 1_000;
  const counts = await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(port, until, firsts)));
  const pages = counts.reduce((sum, count) => sum + count, 0);
  const took = (performance.now() - began) / 1_000;
  return { rate: pages / took, cost: ((used(of) - before) / pages) * 1e6, first: median(firsts) };
}

const folder = mkdtempSync(join(tmpdir(), "ramz-rate-"));
const file = join(folder, "page.html");
const page = await (await fetch(url + PATH, { headers: { accept: "text/html", "accept-language": "fa" } })).text();
writeFileSync(file, page);
const server = net.createServer().listen(0, "127.0.0.1");
await new Promise((done) => server.once("listening", done));
const { port } = server.address();
await new Promise((done) => server.close(done));
const bare = spawn(program, [`127.0.0.1:${port}`, file], { stdio: "inherit" });
try {
  for (let tries = 0; ; tries += 1) {
    const there = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    if (there?.ok) break;
    if (tries > 200) throw new Error("the bare server does not answer");
    await new Promise((done) => setTimeout(done, 50));
  }
  const sides = [["pages", pid, new URL(url).port, []], ["bare axum", bare.pid, port, []]];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [, of, at, all] of sides) all.push(await measure(of, at));
  }
  const [ours, other] = sides.map(([name, , , all]) => {
    const of = (what) => median(all.map((one) => one[what]));
    const figures = { rate: of("rate"), cost: of("cost"), first: of("first") };
    console.log(
      `${name}: ${figures.rate.toFixed(0)} pages a second over ${CONNECTIONS} connections, ` +
        `${figures.cost.toFixed(0)} µs of a processor each, first byte after ${figures.first.toFixed(2)} ms`,
    );
    return figures;
  });
  console.log(
    `the same ${Buffer.byteLength(page)} bytes: ${(ours.rate / other.rate).toFixed(2)} of the rate of bare axum; ` +
      `by the processor alone ${(other.cost / ours.cost).toFixed(2)}`,
  );
} finally {
  bare.kill();
  rmSync(folder, { recursive: true });
}
