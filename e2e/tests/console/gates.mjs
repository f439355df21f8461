// What staff do with limits, dead messages and spending: `node gates.mjs URL CONSOLE TOKEN [FOLDER]`, where TOKEN is
// that of a session of staff, and pictures go to FOLDER.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Chromium } from "../pages/chromium.mjs";
import { eventually } from "../pages/wait.mjs";

const [url, console_, token, folder] = process.argv.slice(2);
if (folder) mkdirSync(folder, { recursive: true });

const WORDS = {
  fa: { exempt: "پایان دادن به معافیت", not: "معاف نیست", none: "هیچ پیامی نمانده است", rials: "ریال", short: "کوتاه‌مدت" },
  en: { exempt: "End the exemption", not: "Not exempt", none: "No message is left over", rials: "rials", short: "in minutes" },
};

const must = (holds, text) => {
  if (!holds) throw new Error(text);
};

/** Somebody asks for a code by the API; the status of the answer. */
const ask = async (number) => {
  const answer = await fetch(`${url}/api/v1/usr/otp`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ phone_number: number }),
  });
  return answer.status;
};

/** Nothing is wider than the window or refused by the policy of the page; a picture at each width. */
const look = async (tab, name, language) => {
  for (const width of [360, 1280]) {
    await tab.size(width, 800);
    const wide = await tab.ask("document.documentElement.scrollWidth");
    must(wide <= width, `${name} ${language} is ${wide} px wide at ${width} px`);
    if (folder) {
      await tab.ask("document.fonts.ready.then(() => true)");
      writeFileSync(join(folder, `${name}-${language}-${width}.png`), await tab.picture({ width, least: 640 }));
    }
  }
  must(tab.errors.length === 0, `${name} ${language}: ${tab.errors.join("; ")}`);
};

const staff = async (browser, language, options = {}) => {
  const tab = await browser.tab(await browser.person(), { language, width: 1280, ...options });
  const set = await tab.send("Network.setCookie", { name: "ramz_staff", value: token, url: console_ });
  must(set.success, "the cookie is kept");
  return tab;
};

const browser = await Chromium.start();
for (const [language, number, scripts] of [
  ["fa", "09127770001", true],
  ["en", "09127770002", true],
  ["fa", "09127770003", false],
]) {
  const words = WORDS[language];
  for (let asked = 0; asked < 3; asked += 1) must((await ask(number)) === 202, "three are allowed");
  must((await ask(number)) === 429, "the fourth is refused");

  // The refusal is there after a moment, under its rule, and the number is masked.
  const tab = await staff(browser, language, { scripts });
  await eventually("the refusal is told", async () => {
    await tab.goto(`${console_}/limits?rule=phone_short`);
    return (await tab.text("main")).includes(`0912 ••• ${number.slice(-4)}`);
  });
  await look(tab, "limits", language);
  await tab.size(1280, 800);
  await tab.fill("#number", number);
  await tab.leading(() => tab.enter());
  must((await tab.path()).startsWith("/limits/number?n="), await tab.path());
  must(!(await tab.ask("location.href")).includes(number.slice(1)), "no number in the address");
  must((await tab.text("main")).includes(words.short), "the full cap is told");
  await look(tab, "limits-number", language);

  // Exempt for an hour, and no more.
  await tab.size(1280, 800);
  await tab.fill("#exempt-reason", "asked by telephone");
  await tab.leading(() => tab.enter());
  must((await tab.text("main")).includes(words.exempt), "it is exempt");
  await look(tab, "limits-exempt", language);
  await eventually("it may ask again", async () => (await ask(number)) === 202);
  await tab.size(1280, 800);
  await tab.fill("#end-reason", "it is over");
  await tab.leading(() => tab.enter());
  must((await tab.text("main")).includes(words.not), "it is not exempt any more");
  await eventually("it is refused again", async () => (await ask(number)) === 429);

  await tab.goto(`${console_}/dead`);
  must((await tab.text("main")).includes(words.none), "nothing is left over");
  await look(tab, "dead", language);
  await eventually("what was spent is told", async () => {
    await tab.goto(`${console_}/spending`);
    return (await tab.text("main")).includes("0912…");
  });
  must((await tab.text("main")).includes(words.rials), "in rials");
  await look(tab, "spending", language);
  await tab.close();
}
await browser.close();
console.log("staff saw what rules refused, and what was spent");
