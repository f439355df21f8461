// Unmodified client libraries against a provider, with people in Chromium:
//
//   node relying_parties.mjs prepare FOLDER
//   node relying_parties.mjs run FOLDER INSTALLED URL INBOX [PART OF A NAME]
//
// `prepare` adds the clients by the `api` in PATH to the file that OIDC_CLIENTS_FILE names; then the provider is
// started with it. INSTALLED is the directory of install.sh. A line for each library; ends with 1 if one went wrong.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { Chromium } from "../pages/chromium.mjs";
import { Person, SEND, Service, must, same } from "../pages/people.mjs";
import { PATIENCE, eventually } from "../pages/wait.mjs";
import { prepare, sitesOf, start, startApp } from "./sites.mjs";

// The form that asks whether somebody who is signed in goes on.
const GO_ON = "form[action^='/oidc/continue/'] button";
// What a page says for as long as a store has no answer.
const FOR_A_MOMENT = "برای لحظه‌ای در دسترس نیست";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const [what, place, installedAt, url, inbox, part = ""] = process.argv.slice(2);
const folder = resolve(place);
if (what === "prepare") await prepare(folder);
else process.exitCode = (await runAll()) ? 0 : 1;

async function runAll() {
  const installed = {
    node_modules: resolve(installedAt, "node_modules"),
    python: resolve(installedAt, "venv/bin/python"),
  };
  const browser = await Chromium.start();
  const service = new Service(url, inbox);
  const chosen = sitesOf(folder, url).filter(({ name }) => name.includes(part));
  let failed = 0;
  for (const site of chosen) {
    const began = Date.now();
    const steps = [];
    // The step that runs is the last one that was named.
    const step = (name) => steps.push(name);
    let running;
    let person;
    try {
      step("start");
      running = await start(site, installed);
      person = await Person.come(browser, service);
      await (site.app ? useApp : useSite)(site, person, step);
      console.log(`passed  ${seconds(began)}  ${site.name}: ${steps.join(", ")}`);
    } catch (error) {
      failed += 1;
      const at = (await person?.tab.ask("location.href").catch(() => undefined)) ?? "no page";
      console.log(`FAILED  ${seconds(began)}  ${site.name}, ${steps.at(-1)}: ${error.message}`);
      console.log(`        at ${at.replace(/\?.*/, "?…")}\n${lastWords(site.log)}`);
    }
    running?.end();
    await person?.leave().catch(() => {});
  }
  await browser.close();
  console.log(`${chosen.length} libraries, ${failed} failed`);
  return chosen.length > 0 && !failed;
}

function seconds(began) {
  return `${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s`;
}

/** The end of what a site said: the library's own words. */
function lastWords(log) {
  let text = "";
  try {
    text = readFileSync(log, "utf8");
  } catch {
    // It said nothing.
  }
  return text.trimEnd().split("\n").slice(-12).map((line) => `        | ${line}`).join("\n");
}

/** Waits until something is shown; an error that the site or the pages show ends the waiting. */
async function shown(tab, selector) {
  const look = `(() => {
    const error = document.querySelector("#error, #trouble")?.innerText.trim();
    if (error) return { error };
    const found = document.querySelector(${JSON.stringify(selector)});
    return found && found.getClientRects().length > 0 && document.readyState === "complete" && { text: found.innerText };
  })()`;
  let found;
  try {
    found = await eventually(`${selector} is shown`, () => tab.ask(look));
  } catch (error) {
    throw new Error(`${error.message}; the page says: ${await tab.text("body")}`);
  }
  if (found.error) throw new Error(found.error);
  return found.text;
}

/** On the pages of the provider: number, code. */
async function signIn(person) {
  const { tab } = person;
  await shown(tab, "#phone");
  await tab.fill("#phone", person.number);
  await tab.click(SEND);
  await shown(tab, "#code");
  const code = await person.service.code(person.number);
  // The last digit sends the form by itself.
  await tab.fill("#code", code);
  return code;
}

/** The person is back at the site. Where a busy machine had no answer in time, they do what the page says. */
async function cameBack(tab, code) {
  for (let times = 1; ; times += 1) {
    try {
      return await shown(tab, "#user:not(:empty)");
    } catch (error) {
      if (times > 5 || !error.message.includes(FOR_A_MOMENT)) throw error;
    }
    await pause(2_000);
    await tab.leading(async () => {
      if (await tab.ask("Boolean(document.querySelector('#code'))")) await tab.fill("#code", code);
      else await tab.ask("location.replace(location.href)");
    });
  }
}

/** A site with pages: sign in, who it is, refresh, log out, and that the next sign-in asks anew. */
async function useSite(site, person, step) {
  const { tab } = person;
  const phone = `+98${person.number.slice(1)}`;
  step("sign in");
  await tab.goto(`${site.url}/`);
  await shown(tab, "#log-in");
  await tab.click("#log-in");
  const code = await signIn(person);

  step("callback");
  const user = await cameBack(tab, code);
  step("userinfo");
  same(user, phone, "who is signed in");
  const sub = await tab.ask("document.querySelector('#user').dataset.sub ?? null");
  must(sub === null || UUID.test(sub), `a sub that is no UUID: ${sub}`);
  const address = await tab.ask("location.href");
  must(!/[?&](code|state)=/.test(address), "the code stays in the address");

  step("refresh");
  const before = await shown(tab, "#expires:not(:empty)");
  await eventually("later tokens", async () => {
    await tab.click("#refresh");
    return (await shown(tab, "#expires:not(:empty)")) !== before;
  });
  same(await shown(tab, "#user"), phone, "who is signed in after it");

  step("log out");
  await tab.click("#log-out");
  await shown(tab, "#log-in");
  must((await tab.ask("location.href")).startsWith(site.url), "the browser did not come back");

  step("asked anew");
  await tab.click("#log-in");
  await shown(tab, "#phone");
}

/** An app without pages: by its own machine's port, then in the same browser by a scheme of its own. */
async function useApp(site, person, step) {
  const { tab } = person;
  const phone = `+98${person.number.slice(1)}`;
  const takes = async (next, users) => {
    step("callback");
    await next("callback");
    step("userinfo");
    const [number, sub] = (await next("user")).split(" ");
    same(number, phone, "who is signed in");
    must(UUID.test(sub), `a sub that is no UUID: ${sub}`);
    users.push(sub);
    step("refresh");
    same(await next("refresh"), "true", "a new refresh token");
    same(await next("user"), `${phone} ${sub}`, "who is signed in after it");
    step("revoke");
    same(await next("revoked"), "invalid_grant", "a refresh after it");
    await next("done");
  };
  const users = [];

  step("sign in");
  let app = appOf(site);
  try {
    await tab.goto(await app.next("open"));
    await signIn(person);
    await takes(app.next, users);
    await shown(tab, "#done");
  } finally {
    app.end();
  }

  step("sign in by a scheme of its own");
  app = appOf(site, "ir.example.app:/callback");
  try {
    await tab.send("Page.navigate", { url: await app.next("open") });
    // Apps can be imitated: anyone who is signed in is asked.
    await shown(tab, GO_ON);
    await tab.click(GO_ON);
    app.type(await schemeOf(tab, "ir.example.app:"));
    await takes(app.next, users);
  } finally {
    app.end();
  }
  same(users[1], users[0], "the sub of the same person");
}

/** The app, line by line. */
function appOf(site, redirectUri) {
  const app = startApp(site, redirectUri);
  const lines = createInterface({ input: app.stdout })[Symbol.asyncIterator]();
  return {
    async next(wanted) {
      const late = setTimeout(() => app.kill(), PATIENCE);
      const { value, done } = await lines.next();
      clearTimeout(late);
      if (done) throw new Error(`the app has ended, or did not come to: ${wanted}`);
      const [what, ...rest] = value.split(" ");
      same(what, wanted, "what the app does");
      return rest.join(" ");
    },
    type: (line) => app.stdin.write(`${line}\n`),
    end: () => app.kill(),
  };
}

/** The address of this scheme to which the browser is led; no program takes it here. */
function schemeOf(tab, scheme) {
  return eventually(`an address of ${scheme}`, () => tab.requests.find(({ url }) => url.startsWith(scheme))?.url);
}
