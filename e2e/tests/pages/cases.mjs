// What people do on the pages, in Chromium: `node cases.mjs URL INBOX [core|all] [PART OF A NAME]`.
// A line for each case; ends with 1 if one went wrong.
import { Chromium } from "./chromium.mjs";
import { Service } from "./people.mjs";
import { core } from "./flows.mjs";
import { mishaps } from "./mishaps.mjs";
import { typing } from "./typing.mjs";
import { troubles } from "./troubles.mjs";
import { account } from "./account.mjs";

const [url, inbox, which = "core", part = ""] = process.argv.slice(2);
const service = new Service(url, inbox);
const all = which === "core" ? core : [...core, ...typing, ...mishaps, ...troubles, ...account];
const chosen = all.filter(({ name }) => name.includes(part));
const browser = await Chromium.start();
const began = Date.now();
let failed = 0;

async function run({ name, run, noise = [] }) {
  const start = Date.now();
  const come = [];
  const world = { browser, service, come };
  try {
    await run(world);
    for (const { tabs } of come) {
      for (const tab of tabs) check(tab, noise);
    }
    console.log(`ok      ${((Date.now() - start) / 1000).toFixed(1).padStart(5)} s  ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${((Date.now() - start) / 1000).toFixed(1).padStart(5)} s  ${name}\n        ${error.stack}`);
  }
  for (const person of come) await person.leave().catch(() => {});
}

/** Whatever a case is about: nothing comes from elsewhere, and nothing is wrong in the console. */
function check({ requests, errors }, noise) {
  const away = requests.find((request) => /^https?:/.test(request.url) && !request.url.startsWith(url));
  if (away) throw new Error(`asked another host: ${away.url}`);
  const error = errors.find((text) => !noise.some((pattern) => pattern.test(text)));
  if (error) throw new Error(`the console: ${error}`);
}

// What has to wait for minutes does so beside the others.
const slow = chosen.filter((one) => one.slow).map(run);
for (const one of chosen.filter((one) => !one.slow)) await run(one);
await Promise.all(slow);
await browser.close();
console.log(`${chosen.length} cases, ${failed} failed, ${((Date.now() - began) / 1000).toFixed(0)} s`);
process.exitCode = failed || !chosen.length ? 1 : 0;
