// Reload, Back, tabs, bookmarks, cookies and clocks: each ends where a person would expect.
import { LOG_OUT, SEND, another, must, same } from "./people.mjs";
import { Chromium } from "./chromium.mjs";
import { comes } from "./flows.mjs";
import { Person } from "./people.mjs";

/** The seconds that the page shows for the life of the code. */
const CLOCK = `(() => {
  const [minutes, seconds] = document.querySelector(".clock").textContent.split(":").map(Number);
  return minutes * 60 + seconds;
})()`;

/** A browser whose clock is wrong by so many days. */
const wrongBy = (days) => `{
  const now = Date.now.bind(Date);
  Date.now = () => now() + ${days} * 86_400_000;
}`;

export const mishaps = [
  {
    name: "a reload of the page of the code gives no second back, and sends nothing",
    async run(world) {
      const person = await comes(world);
      const { tab } = person;
      await person.asks();
      const before = await tab.ask(CLOCK);
      await tab.ask("new Promise((done) => setTimeout(done, 1_100))");
      await tab.reload();
      const after = await tab.ask(CLOCK);
      must(after < before && after > before - 60, `${before} s, then ${after} s`);
      same((await world.service.messages(person.number)).length, 1, "messages");
      await person.gives(await world.service.code(person.number));
      await person.isIn(person.words.newUnasked);
    },
  },
  {
    name: "Back from the code to the number finds it there, and the code of before is good",
    async run(world) {
      const person = await comes(world);
      const { tab } = person;
      await person.asks();
      const code = await world.service.code(person.number);
      await tab.back();
      await tab.at("/accounts/login/");
      same(await tab.ask("document.querySelector('#phone').value"), person.number, "the number");
      await tab.follow(SEND);
      await tab.at("/accounts/verify/");
      await person.gives(code);
      await person.isIn(person.words.newUnasked);
    },
  },
  {
    name: "the number typed wrong: change it, and the code goes to the right one",
    async run(world) {
      const person = await comes(world);
      const { tab } = person;
      const wrong = world.service.number();
      await person.asks(wrong);
      await tab.follow("main a[href='/accounts/login/']");
      same(await tab.ask("document.querySelector('#phone').value"), wrong, "the number to change");
      await tab.fill("#phone", person.number);
      await tab.follow(SEND);
      await tab.at("/accounts/verify/");
      await person.gives(await world.service.code(person.number));
      await person.isIn(person.words.newUnasked);
    },
  },
  {
    name: "Back after the sign-in leads home, and sends nothing",
    async run(world) {
      const person = await comes(world);
      const { tab } = person;
      await person.signsIn();
      const forms = person.sent("/accounts/verify/");
      await tab.back();
      await tab.at("/");
      await person.reads(person.number.slice(0, 4));
      same(person.sent("/accounts/verify/"), forms, "forms of codes");
    },
  },
  {
    name: "Back after the log-out shows nothing of the account",
    async run(world) {
      const person = await comes(world);
      const { tab } = person;
      await person.signsIn();
      await tab.follow(LOG_OUT);
      await person.reads(person.words.loggedOut);
      await tab.back();
      must(!(await tab.text("body")).includes(person.number.slice(0, 4)), "the number is still shown");
    },
  },
  {
    name: "two tabs for one number: one message, and its code is good in either",
    async run(world) {
      const person = await comes(world);
      const second = await person.another();
      await person.asks();
      const code = await world.service.code(person.number);
      await person.asks(person.number, second);
      await person.gives(another(code), second);
      await person.reads(person.words.wrong, second);
      await person.gives(code);
      await person.isIn(person.words.newUnasked);
      // The other one is still at its field; what it sends leads in, too.
      await second.leading(async () => {
        await second.fill("#code", code);
      });
      await second.at("/");
      await person.reads(person.number.slice(0, 4), second);
    },
    noise: [/status of 4\d\d/],
  },
  {
    name: "two tabs that ask for different numbers: the page of the code shows whose code it wants",
    async run(world) {
      const person = await comes(world);
      const second = await person.another();
      const other = world.service.number();
      await person.asks(other, second);
      await person.asks();
      const code = await world.service.code(person.number);
      await second.reload();
      await person.reads(person.number.replace(/(....)(...)(....)/, "$1 $2 $3"), second);
      await person.gives(code, second);
      await person.isIn(person.words.newUnasked, second);
    },
  },
  {
    name: "a bookmark of the page of the code leads to the number, and home for anyone who is in",
    async run(world) {
      const person = await comes(world);
      const { tab } = person;
      for (const path of ["/accounts/verify/", "/accounts/verify/message/", "/accounts/verify/resend/"]) {
        await person.open(path);
        await tab.at("/accounts/login/");
      }
      await person.signsIn();
      for (const path of ["/accounts/verify/", "/accounts/login/", "/accounts/signup/"]) {
        await person.open(path);
        await tab.at("/");
      }
    },
  },
  {
    name: "cookies off: the page says so, and keeps what was typed",
    async run(world) {
      const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
      const browser = await Chromium.start({ preferences });
      try {
        for (const language of ["fa", "en"]) {
          const person = await Person.come(browser, world.service, { language });
          // A context of its own does not have the settings of the profile.
          person.tab = await browser.tab(undefined, { language });
          const { tab, words } = person;
          await person.open("/accounts/login/");
          await tab.fill("#phone", person.number);
          await tab.follow(SEND);
          await tab.follow(SEND);
          await person.reads(words.cookiesOff);
          same(await tab.ask("document.querySelector('#phone').value"), person.number, "the number");
          same((await world.service.messages(person.number)).length, 0, "messages");
        }
      } finally {
        await browser.close();
      }
    },
  },
  {
    name: "a form that is too old is shown again with what was typed, and then goes through",
    async run(world) {
      const person = await comes(world);
      const { tab, words } = person;
      await person.open("/accounts/login/");
      await tab.fill("#phone", person.number);
      await tab.send("Network.clearBrowserCookies");
      await tab.follow(SEND);
      await person.reads(words.tooOld);
      await tab.follow(SEND);
      await tab.at("/accounts/verify/");
      await person.gives(await world.service.code(person.number));
      await person.isIn(words.newUnasked);
    },
    noise: [/status of 403/],
  },
  ...[-400, 400].map((days) => ({
    name: `a browser whose clock is wrong by ${days} days counts right`,
    async run(world) {
      const person = await comes(world, { before: wrongBy(days) });
      const { tab } = person;
      await person.asks();
      const left = await tab.ask(CLOCK);
      must(left > 60 && left <= 120, `${left} s`);
      await tab.ask("new Promise((done) => setTimeout(done, 2_100))");
      const later = await tab.ask(CLOCK);
      must(later < left && later > 60, `${later} s after ${left} s`);
      same(await tab.ask("document.querySelector('[data-over]').hidden"), true, "the code counts as over");
      await person.gives(await world.service.code(person.number));
      await person.isIn(person.words.newUnasked);
    },
  })),
  {
    name: "the code runs out before the eyes of the one who waits: the page says so at once",
    async run(world) {
      const person = await comes(world);
      const { tab, words } = person;
      await person.asks();
      await tab.ask("{ const now = Date.now.bind(Date); Date.now = () => now() + 121_000; }");
      await tab.ask(`new Promise((done) => {
        const look = () => document.querySelector("[data-over]").hidden ? setTimeout(look, 50) : done();
        look();
      })`);
      await person.reads(words.expired);
      same((await tab.text("[data-heard]")).includes(words.expired), true, "it is read out");
    },
  },
  {
    name: "the language is changed on the way, and nothing is lost",
    async run(world) {
      const person = await comes(world);
      const { tab } = person;
      await person.asks();
      const code = await world.service.code(person.number);
      await tab.follow("button[name=language]");
      await tab.at("/accounts/verify/");
      same(await tab.ask("document.documentElement.lang + document.documentElement.dir"), "enltr", "the page");
      await person.gives(code);
      await tab.at("/");
      await person.reads("This number had no account");
    },
  },
  {
    name: "who was sent here with next comes to that path, and never to another host",
    async run(world) {
      for (const [next, comesTo] of [
        ["/accounts/logout/", "/accounts/logout/"],
        ["//example.com/", "/"],
        ["https://example.com/", "/"],
        ["/\\example.com", "/"],
      ]) {
        const person = await comes(world);
        const { tab } = person;
        await person.open(`/accounts/login/?next=${encodeURIComponent(next)}`);
        await tab.fill("#phone", person.number);
        await tab.follow(SEND);
        await tab.at("/accounts/verify/");
        await person.gives(await world.service.code(person.number));
        await tab.at(comesTo);
      }
    },
  },
];
