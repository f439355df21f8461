// What staff do with limits, dead messages and spending: `node gates.mjs URL CONSOLE TOKEN [FOLDER]`, where TOKEN is
// that of a session of staff, and pictures go to FOLDER.
import { Chromium } from "../pages/chromium.mjs";
import { eventually } from "../pages/wait.mjs";
import { asker, looker, must, staff } from "./desk.mjs";

const [url, console_, token, folder] = process.argv.slice(2);
const look = looker(folder);
const ask = asker(url);

const WORDS = {
  fa: { exempt: "پایان دادن به معافیت", not: "معاف نیست", none: "هیچ پیامی نمانده است", rials: "ریال", short: "کوتاه‌مدت" },
  en: { exempt: "End the exemption", not: "Not exempt", none: "No message is left over", rials: "rials", short: "in minutes" },
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
  const tab = await staff(browser, console_, token, language, { scripts });
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
