// Staff who sign in for the first time, every page that they see, and how many clicks answer what a new operator is
// asked: `AXE=axe.min.js node tour.mjs URL CONSOLE PASSWORD NUMBER NUMBER [FOLDER]`. The two numbers are those of
// superusers who have never signed in, one for each language; pictures go to FOLDER.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { Chromium } from "../pages/chromium.mjs";
import { eventually } from "../pages/wait.mjs";
import { asker, looker, must, poster } from "./desk.mjs";

const [url, console_, password, first, second, folder] = process.argv.slice(2);
const ask = asker(url);
const look = looker(folder);
const axe = readFileSync(process.env.AXE, "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const VIOLATIONS = `axe.run(document, { runOnly: ${JSON.stringify(TAGS)} }).then(({ violations }) =>
  violations.map(({ id, help, nodes }) => id + ": " + help + ": " + nodes.map((node) => node.target).join(" ")))`;

let pages = 0;
const faults = [];

/** A page in both themes: axe-core, no wider than the window, a picture. */
const see = async (tab, name, language) => {
  for (const theme of ["light", "dark"]) {
    await tab.media({ "prefers-color-scheme": theme, "prefers-reduced-motion": "reduce" });
    await tab.ask(`${axe}; true`);
    for (const text of await tab.ask(VIOLATIONS)) faults.push(`${name} ${language} ${theme}: ${text}`);
  }
  await tab.media({ "prefers-color-scheme": "light" });
  await look(tab, name, language);
  pages += 1;
};

/** RFC 6238, as an authenticator app counts. */
const totp = (secret, now = Date.now()) => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = "";
  for (const letter of secret.replaceAll(/[\s=]/g, "").toUpperCase()) {
    bits += letters.indexOf(letter).toString(2).padStart(5, "0");
  }
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
  const mac = createHmac("sha1", key).update(step).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
};

const enter = (tab) => tab.leading(() => tab.enter());

/** Number and password, an app that is set up, recovery codes, and in. */
const sign_in = async (tab, number, language) => {
  await tab.goto(`${console_}/`);
  must((await tab.path()).startsWith("/sign-in"), await tab.path());
  await see(tab, "sign-in", language);
  await tab.fill("#number", number);
  await tab.fill("#password", "surely-not-this-one");
  await enter(tab);
  await see(tab, "sign-in-wrong", language);
  await tab.fill("#number", number);
  await tab.fill("#password", password);
  await enter(tab);
  must((await tab.path()).startsWith("/sign-in/set-up"), await tab.path());
  await see(tab, "set-up", language);
  await tab.fill("#code", totp(await tab.text("code")));
  await enter(tab);
  await see(tab, "recovery-codes", language);
  await tab.follow("a.button");
  must((await tab.path()) === "/", await tab.path());
};

/** How many clicks it takes; a field that is filled and sent off is one. */
class Clicks {
  constructor(tab) {
    this.tab = tab;
    this.count = 0;
  }

  async follow(selector) {
    this.count += 1;
    await this.tab.follow(selector);
  }

  async open(selector) {
    this.count += 1;
    await this.tab.ask(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }

  async send(fields) {
    this.count += 1;
    for (const [selector, text] of fields) await this.tab.fill(selector, text);
    await enter(this.tab);
  }
}

const browser = await Chromium.start();
for (const [language, number] of [["fa", first], ["en", second]]) {
  const tab = await browser.tab(await browser.person(), { language, width: 1280 });
  await sign_in(tab, number, language);

  const person = `0912880${language === "fa" ? "1" : "2"}001`;
  must((await ask(person)) === 202, "a code");
  must((await ask(`0935880${language === "fa" ? "1" : "2"}002`)) === 202, "another");
  await eventually("the code is in the list", async () => {
    await tab.goto(`${console_}/sends`);
    return (await tab.text("table")).includes(person.slice(-4));
  });
  // Guesses lock a number for the ways that take no session.
  for (let tried = 0; tried < 4; tried += 1) {
    await poster(url)("/api/v1/usr/otp/verify", { phone_number: person, code: "000000" });
    await poster(url)("/api/v1/usr/login", { phone_number: person, password: "surely-not-this-one" });
  }

  for (const path of ["", "sends", "limits", "dead", "spending", "users", "audit", "staff", "settings"]) {
    await tab.goto(`${console_}/${path}`);
    await see(tab, path || "overview", language);
  }
  await tab.goto(`${console_}/sends`);
  await tab.follow("tbody a[href^='/number']");
  await see(tab, "number", language);
  await tab.goto(`${console_}/sends`);
  await tab.follow("a[href^='/sends/export']");
  await see(tab, "export", language);
  await tab.goto(`${console_}/users?q=${encodeURIComponent(number)}`);
  must((await tab.path()).startsWith("/users/"), await tab.path());
  await see(tab, "user", language);
  await tab.goto(`${console_}/nothing-here`);
  await see(tab, "not-found", language);
  await tab.goto(`${console_}/limits`);
  await tab.fill("#number", person);
  await enter(tab);
  await see(tab, "limits-of-a-number", language);
  await tab.fill("#lift-reason", "she called, and knows what she asked for");
  await enter(tab);

  // What a new operator is asked, from the first page on.
  const clicks = async (question, act, answered) => {
    await tab.goto(`${console_}/`);
    const counted = new Clicks(tab);
    await act(counted);
    const text = await tab.text("main");
    must(answered(text), `${question} ${language}: ${text.slice(0, 400)}`);
    must(counted.count <= 3, `${question} ${language}: ${counted.count} clicks`);
    console.log(`${language}: ${question} ${counted.count}`);
  };
  await clicks(
    "where is the code of a number?",
    (by) => by.send([["input[type=search]", person]]),
    (text) => text.includes(person.slice(-4)),
  );
  await clicks(
    "why did messages of an operator slow down at that hour?",
    async (by) => {
      await by.follow("a[href*='operator=']");
      await by.open("details.hours > summary");
      await by.follow("details.hours a[href*='operator='][href*='from=']");
    },
    (text) => text.includes("•••") && text.includes(language === "fa" ? "پس از درخواست" : "of being asked for"),
  );
  await clicks(
    "who lifted that lock?",
    async (by) => {
      await by.follow("nav a[href='/audit']");
    },
    (text) => text.includes("she called"),
  );
  await clicks(
    "how many rials today, and on what?",
    (by) => by.follow("nav a[href='/spending']"),
    (text) => text.includes("0912…"),
  );
  await tab.close();
}
await browser.close();
for (const text of faults) console.log(text);
must(faults.length === 0, `${faults.length} faults`);
console.log(`staff saw ${pages} pages`);
