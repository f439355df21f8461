// What staff do with the lists of codes, one number, the first page and files: `node lists.mjs URL CONSOLE TOKEN
// [FOLDER]`, where TOKEN is that of a session of staff, and pictures go to FOLDER.
import { Chromium } from "../pages/chromium.mjs";
import { eventually } from "../pages/wait.mjs";
import { asker, looker, must, staff } from "./desk.mjs";

const [url, console_, token, folder] = process.argv.slice(2);
const look = looker(folder);
const ask = async (number) => must((await asker(url)(number)) === 202, `a code for ${number}`);

const WORDS = {
  fa: { taken: "سپرده شد", arrived: "رسید", nothing: "چیزی پیدا نشد", done: "تمام شد", number: "شمارهٔ شما" },
  en: { taken: "handed over", arrived: "arrived", nothing: "Nothing found", done: "Done:", number: "Your" },
};
const browser = await Chromium.start();
for (const language of ["fa", "en"]) {
  const words = WORDS[language];
  const own = language === "fa" ? "0912555001" : "0912555002";
  const first = `${own}1`;
  await ask(first);
  await ask(`093577700${language === "fa" ? 1 : 2}1`);

  // Where is the code of 0912…? Typed into the field at the top, it is answered at once.
  const tab = await staff(browser, console_, token, language);
  await tab.goto(`${console_}/`);
  must((await tab.ask("document.documentElement.dir")) === (language === "fa" ? "rtl" : "ltr"), "the direction");
  await eventually("the code is in the list", async () => {
    await tab.reload();
    return (await tab.text("table")).includes(`0912 ••• ${first.slice(-4)}`);
  });
  await look(tab, "overview", language);
  await tab.fill("input[type=search]", first);
  await tab.leading(() => tab.enter());
  must((await tab.path()).startsWith("/number?n="), await tab.path());
  must(!(await tab.ask("location.href")).includes(own.slice(1)), "no number in the address");
  for (const lang of ["fa", "en"]) {
    const text = await tab.ask(`document.querySelector("textarea[lang=${lang}]").value`);
    must(text.length > 40 && !text.includes("{"), text);
  }
  await look(tab, "number", language);

  // The list, and what is looked for in it.
  await tab.size(1280, 800);
  await tab.follow("nav a[href='/sends']");
  must((await tab.text("table")).includes(`0912 ••• ${first.slice(-4)}`), "it is in the list");
  await look(tab, "sends", language);
  await tab.size(1280, 800);
  await tab.click("details.row summary");
  must(await tab.ask("document.querySelector('details.row').open"), "details open without a script");
  await tab.fill("#f-number", first);
  await tab.leading(() => tab.enter());
  must((await tab.path()).startsWith("/sends?n="), await tab.path());
  must((await tab.ask("document.querySelectorAll('tbody tr').length")) === 1, "one line");
  await tab.goto(`${console_}/sends?code=418`);
  must((await tab.text()).includes(words.nothing), "the gateway never said so");
  await look(tab, "sends-nothing", language);
  await tab.goto(`${console_}/sends?from=1`);
  must(await tab.ask("!!document.querySelector('#f-from[aria-invalid=true]')"), "the field is marked");
  await look(tab, "sends-unread", language);

  // A file.
  await tab.goto(`${console_}/sends`);
  await tab.size(1280, 800);
  await tab.follow("a[href^='/sends/export']");
  await look(tab, "export", language);
  await tab.size(1280, 800);
  await tab.fill("#reason", "a question of the accountant");
  await tab.leading(() => tab.enter());
  await look(tab, "export-ready", language);
  const csv = await tab.ask("fetch(document.querySelector('a[download]').href).then((answer) => answer.text())");
  must(csv.startsWith("asked_at,number,"), csv.slice(0, 80));
  must(csv.includes(`•••${first.slice(-4)}`) && !csv.includes(own.slice(1)), "masked");
  // The page tells by itself that it is there.
  await eventually("the file is told to be done", async () => (await tab.text()).includes(words.done));
  await look(tab, "export-done", language);

  // The first page goes on by itself while somebody looks at it.
  await tab.goto(`${console_}/`);
  const later = `0919444${language === "fa" ? 1 : 2}777`;
  await ask(later);
  await eventually("the first page shows what is new", async () =>
    (await tab.text("table")).includes(`0919 ••• ${later.slice(-4)}`),
  );
  await tab.close();

  // The same without a script.
  const plain = await staff(browser, console_, token, language, { scripts: false, width: 360 });
  await plain.goto(`${console_}/sends?digits=${first.slice(-4)}`);
  await plain.follow("tbody a[href^='/number']");
  await plain.close();
}
await browser.close();
console.log("staff found every code");
