// What goes wrong for people who come for the first time: each ends with a way on.
import { RESEND, SEND, another, must, same } from "./people.mjs";
import { comes } from "./flows.mjs";

const both = (make) => [true, false].map((scripts) => make(scripts, scripts ? "with scripts" : "without scripts"));

export const troubles = [
  ...both((scripts, how) => ({
    name: `a number with a digit too few, letters, nothing: said, kept, mended (${how})`,
    async run(world) {
      const person = await comes(world, { scripts });
      const { tab, words } = person;
      await person.open("/accounts/login/");
      for (const typed of [person.number.slice(0, 10), "abc", ""]) {
        await tab.fill("#phone", typed);
        await tab.follow(SEND);
        same(await tab.path(), "/accounts/login/", "the address");
        same(await tab.ask("document.querySelector('#phone').value"), typed, "what was typed");
        same(await tab.ask("document.querySelector('#phone').getAttribute('aria-invalid')"), "true", "invalid");
        must((await tab.title()).startsWith(words.error), "the title tells of the error");
      }
      await person.reads(words.noNumber);
      await tab.fill("#phone", person.number);
      await tab.follow(SEND);
      await tab.at("/accounts/verify/");
      await person.gives(await world.service.code(person.number));
      await person.isIn(words.newUnasked);
    },
    noise: [/status of 4\d\d/],
  })),
  ...both((scripts, how) => ({
    name: `the code wrong three times: one press, and there are tries again (${how})`,
    async run(world) {
      const person = await comes(world, { scripts });
      const { tab, words } = person;
      await person.asks();
      const code = await world.service.code(person.number);
      for (const by of [1, 2, 3]) await person.gives(another(code, by));
      await person.reads(words.exhausted);
      same(await tab.ask("document.querySelector('#code')"), null, "no field for a code that is of no use");
      await tab.follow(RESEND);
      await tab.at("/accounts/verify/");
      // One number has one live code: the newest message has the one that counts now.
      await person.gives(await world.service.code(person.number));
      await person.isIn(words.newUnasked);
    },
    noise: [/status of 4\d\d/],
  })),
  {
    name: "the code of the first message comes late, after it was asked for again: it is good",
    async run(world) {
      const person = await comes(world);
      const { tab } = person;
      await person.asks();
      const first = await world.service.code(person.number);
      await tab.ask(`new Promise((done) => {
        const look = () => document.querySelector("${RESEND}").getAttribute("aria-disabled") ? setTimeout(look, 50) : done();
        look();
      })`);
      await tab.follow(RESEND);
      await world.service.code(person.number, 2);
      await person.gives(first);
      await person.isIn(person.words.newUnasked);
    },
  },
  {
    name: "where is my message: its steps, and the way back to the code",
    async run(world) {
      for (const language of ["fa", "en"]) {
        const person = await comes(world, { language });
        const { tab } = person;
        await person.asks();
        const code = await world.service.code(person.number);
        await tab.follow(".last a[href='/accounts/verify/message/']");
        must((await tab.ask("document.querySelectorAll('.steps li').length")) >= 2, "too few steps");
        must(!(await tab.text("body")).includes(code), "the code is shown");
        await tab.follow("main a[href='/accounts/verify/message/']");
        await tab.follow("main a[href='/accounts/verify/']");
        await person.gives(code);
        await person.isIn(person.words.newUnasked);
      }
    },
  },
  ...both((scripts, how) => ({
    name: `the code comes when it is over: the page says so, and a new one gets in (${how})`,
    slow: true,
    async run(world) {
      const person = await comes(world, { scripts });
      const { tab, words } = person;
      await person.asks();
      const late = await world.service.code(person.number);
      await new Promise((done) => setTimeout(done, 121_000));
      if (scripts) await person.reads(words.expired);
      else {
        // The field is still there: what is typed gets an answer.
        await person.gives(late);
        await person.reads(words.expired);
      }
      await tab.reload();
      await person.reads(words.expired);
      await tab.follow(RESEND);
      await person.gives(await world.service.code(person.number, 2));
      await person.isIn(words.newUnasked);
    },
    noise: [/status of 4\d\d/],
  })),
];
