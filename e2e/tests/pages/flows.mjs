// The ways in and out that everybody takes: the quick core.
import { LOG_OUT, Person, RESEND, SEND, SUBMIT, must, persian, same } from "./people.mjs";

/** A person who comes for a case. */
export async function comes({ browser, service, come }, options) {
  const person = await Person.come(browser, service, options);
  come.push(person);
  return person;
}

function way({ language, scripts }) {
  const name = `sign up, log out, sign in (${language}, ${scripts ? "with" : "without"} scripts)`;
  return {
    name,
    async run(world) {
      const person = await comes(world, { language, scripts });
      const { tab, words } = person;
      await person.open("/");
      await tab.follow("a[href='/accounts/signup/']");
      await tab.at("/accounts/signup/");
      same(await tab.ask("document.documentElement.lang"), language, "lang");
      await tab.fill("#phone", person.number);
      await tab.follow(SEND);
      await tab.at("/accounts/verify/");
      // Scripts are really off: the sentence about the code that sends itself stays hidden.
      same(await tab.ask("document.getElementById('code-auto').hidden"), !scripts, "code-auto");
      await person.gives(await world.service.code(person.number));
      await person.isIn(words.welcomeNew);
      await tab.follow(LOG_OUT);
      await tab.at("/");
      await person.reads(words.loggedOut);

      // The cooldown is short here, so this is a new code.
      await tab.follow("a[href='/accounts/login/']");
      await tab.fill("#phone", persian(person.number));
      await tab.follow(SEND);
      await tab.at("/accounts/verify/");
      await person.gives(await world.service.code(person.number, 2));
      await person.isIn(words.known);
      same(person.sent("/accounts/verify/"), 2, "forms of codes");
      const cookies = await tab.ask("document.cookie");
      same(cookies, "", "cookies that scripts see");
    },
  };
}

export const core = [
  way({ language: "fa", scripts: true }),
  way({ language: "en", scripts: true }),
  way({ language: "fa", scripts: false }),
  way({ language: "en", scripts: false }),
  {
    name: "a wrong code says how many tries are left, and the right one gets in",
    async run(world) {
      const person = await comes(world);
      const { tab, words } = person;
      await person.asks();
      const code = await world.service.code(person.number);
      const wrong = code.slice(0, 5) + String((Number(code[5]) + 1) % 10);
      await person.gives(wrong);
      await person.reads(words.wrong);
      same(await tab.ask("document.activeElement.id"), "trouble", "focus");
      same((await tab.title()).startsWith(words.error), true, "the title tells of the error");
      same(await tab.ask("document.querySelector('#code').value"), "", "the field");
      await tab.reload();
      await person.reads(words.wrong);
      same(person.sent("/accounts/verify/"), 1, "a reload sends nothing");
      await person.gives(code);
      await person.isIn(words.newUnasked);
    },
    noise: [/status of 4\d\d/],
  },
  {
    name: "a double click asks for one message, and on the code enters once",
    async run(world) {
      const person = await comes(world);
      const { tab } = person;
      await person.open("/accounts/login/");
      await tab.fill("#phone", person.number);
      await tab.leading(() => tab.click(SEND, 2));
      await tab.at("/accounts/verify/");
      const code = await world.service.code(person.number);
      // The last digit is already there: nothing sends itself.
      await tab.ask(`document.querySelector("#code").value = "${code}"`);
      await tab.leading(() => tab.click(SUBMIT, 2));
      await person.isIn(person.words.newUnasked);
      same(person.sent("/accounts/login/"), 1, "forms of numbers");
      same(person.sent("/accounts/verify/"), 1, "forms of codes");
      same((await world.service.messages(person.number)).length, 1, "messages");
    },
  },
  {
    name: "the same code is sent again, by a form of its own",
    async run(world) {
      const person = await comes(world);
      const { tab, words } = person;
      await person.asks();
      const first = await world.service.code(person.number);
      // A half-typed code is no obstacle.
      await tab.fill("#code", first.slice(0, 3));
      await tab.ask(`new Promise((done) => {
        const look = () => document.querySelector("${RESEND}").getAttribute("aria-disabled") ? setTimeout(look, 50) : done();
        look();
      })`);
      await tab.follow(RESEND);
      await person.reads(words.sentAgain);
      const second = await world.service.code(person.number, 2);
      same(second, first, "the code of the second message");
      must(!(await tab.text("body")).includes(words.wrong), "it was taken for a wrong code");
      await person.gives(first);
      await person.isIn(words.newUnasked);
    },
  },
];
