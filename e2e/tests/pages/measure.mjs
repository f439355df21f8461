// The weight of the pages, and how soon they are painted: `node measure.mjs URL INBOX`.
import http from "node:http";
import { Chromium } from "./chromium.mjs";
import { Person, Service } from "./people.mjs";

/** Without the font, in bytes. */
const HEAVIEST = 60_000;
const ROUNDS = 15;

const [url, inbox] = process.argv.slice(2);
const service = new Service(url, inbox);
const browser = await Chromium.start();
const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];
let faults = 0;

/** What a first visit to a page asks for and gets. */
async function weigh(language, name, visit) {
  const person = await Person.come(browser, service, { language });
  await visit(person);
  // A browser that has been nowhere yet; the cookies are still those of before.
  const tab = await person.another();
  await tab.send("Network.clearBrowserCache");
  await tab.send("Network.setCacheDisabled", { cacheDisabled: true });
  await tab.goto(await person.tab.ask("location.href"));
  await tab.ask("document.fonts.ready.then(() => true)");
  const asked = tab.requests.filter((request) => /^https?:/.test(request.url));
  const sum = (all) => all.reduce((bytes, request) => bytes + request.bytes, 0);
  const fonts = asked.filter((request) => request.url.endsWith(".woff2"));
  const rest = sum(asked) - sum(fonts);
  const away = asked.filter((request) => !request.url.startsWith(url));
  console.log(
    `${language} ${name}: ${asked.length} requests, ${rest} bytes on the wire without the font, ` +
      `${sum(fonts)} of ${fonts.length} fonts, ${away.length} of other hosts`,
  );
  if (rest > HEAVIEST || away.length) faults += 1;
  await person.leave();
}

/** Milliseconds to the first paint, on a processor that is so many times slower. */
async function paints(path, slower) {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const person = await browser.person();
    const tab = await browser.tab(person, {});
    await tab.send("Network.setCacheDisabled", { cacheDisabled: true });
    await tab.send("Emulation.setCPUThrottlingRate", { rate: slower });
    await tab.goto(url + path);
    times.push(
      await tab.ask(`new Promise((done) => {
        new PerformanceObserver((list) => {
          const paint = list.getEntriesByName("first-contentful-paint")[0];
          if (paint) done(paint.startTime);
        }).observe({ type: "paint", buffered: true });
      })`),
    );
    await browser.forget(person);
  }
  return times;
}

/** The same by Chromium's own trace: from the start of the navigation to the first paint of something. */
async function traced(path, slower) {
  const tab = await browser.tab(await browser.person(), {});
  await tab.send("Network.setCacheDisabled", { cacheDisabled: true });
  await tab.send("Emulation.setCPUThrottlingRate", { rate: slower });
  await tab.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["loading", "blink.user_timing", "devtools.timeline"] },
  });
  await tab.goto(url + path);
  await tab.ask("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))");
  const whole = tab.event("Tracing.tracingComplete");
  await tab.send("Tracing.end");
  await whole;
  const at = (name) => tab.trace.filter((event) => event.name === name).map((event) => event.ts);
  const paint = Math.min(...at("firstContentfulPaint"));
  const start = Math.max(...at("navigationStart").filter((ts) => ts < paint));
  return (paint - start) / 1_000;
}

/** A server that answers with these bytes and nothing else: Node's own, for the first byte. */
const get = (address, agent) =>
  new Promise((done, fail) => {
    const began = process.hrtime.bigint();
    http
      .get(address, { agent }, (answer) => {
        const first = Number(process.hrtime.bigint() - began) / 1e6;
        answer.resume();
        answer.on("end", () => done(first));
      })
      .on("error", fail);
  });

try {
  for (const language of ["fa", "en"]) {
    await weigh(language, "home", (person) => person.open("/"));
    await weigh(language, "number", (person) => person.open("/accounts/login/"));
    await weigh(language, "code", (person) => person.asks());
    await weigh(language, "message", async (person) => {
      await person.asks();
      await person.open("/accounts/verify/message/");
    });
  }
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const first = [];
  for (let round = 0; round < 200; round += 1) first.push(await get(`${url}/accounts/login/`, agent));
  agent.destroy();
  console.log(`first byte of /accounts/login/ on a connection that is open: median ${median(first).toFixed(2)} ms of ${first.length}`);
  for (const slower of [1, 4]) {
    const times = await paints("/accounts/login/", slower);
    console.log(
      `first contentful paint of /accounts/login/, processor ${slower} times slower: median ${median(times).toFixed(0)} ms, ` +
        `longest ${Math.max(...times).toFixed(0)} ms of ${times.length}`,
    );
  }
  console.log(`the same by a trace of Chromium, 4 times slower: ${(await traced("/accounts/login/", 4)).toFixed(0)} ms`);
} finally {
  await browser.close();
}
process.exitCode = faults ? 1 : 0;
