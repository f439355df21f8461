// What the pages can do more where scripts run. All of them work without this file.
"use strict";

// A form is sent once, however often somebody clicks; coming back by Back makes it whole again.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent || event.submitter?.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

const page = document.querySelector("[data-code-page]");
if (page && page.dataset.alive === "true") {
  // The seconds are the server's and count from the moment at which the page was made. Time that the
  // machine slept counts too, and its clock may be wrong as long as it goes.
  const start = Date.now();
  const expiresIn = Number(page.dataset.expiresIn);
  const resendIn = Number(page.dataset.resendIn);
  const bar = page.querySelector("progress");
  const shown = page.querySelector(".clock");
  const resend = page.querySelector("[data-resend]");
  // A call has to wait as long as a message.
  const again = page.querySelectorAll("[data-resend-form] button");
  const wait = resend.querySelector(".wait");
  const heard = page.querySelector("[data-heard]");
  let waiting = resendIn > 0;
  page.querySelector(".wait-hint").hidden = true;
  if (waiting) {
    for (const button of again) button.setAttribute("aria-disabled", "true");
    wait.hidden = false;
    // A region that is filled at once is not read out.
    setTimeout(() => { heard.textContent = heard.dataset.waiting; }, 500);
  }
  const tick = () => {
    const passed = Math.floor((Date.now() - start) / 1000);
    const left = Math.max(0, expiresIn - passed);
    bar.value = left;
    shown.textContent = clock(left);
    const toWait = Math.max(0, resendIn - passed);
    if (waiting) wait.querySelector("bdi").textContent = clock(toWait);
    if (waiting && toWait === 0) {
      waiting = false;
      wait.hidden = true;
      for (const button of again) button.removeAttribute("aria-disabled");
      heard.textContent = heard.dataset.canResend;
    }
    if (left === 0) {
      clearInterval(timer);
      page.querySelector("[data-over]").hidden = false;
      page.querySelector(".life").hidden = true;
      heard.textContent = heard.dataset.expired;
    }
  };
  const timer = setInterval(tick, 1000);
  addEventListener("pageshow", tick);
  document.addEventListener("visibilitychange", tick);

  // The code is sent by itself once, on the step from incomplete to complete, and never by Back.
  const field = page.querySelector("#code");
  const form = page.querySelector("[data-code-form]");
  const wanted = Number(field.dataset.digits);
  const count = () => (field.value.match(/\p{Nd}/gu) || []).length;
  let before = count();
  // Where more than the code is asked for, nothing is sent by itself.
  let done = !("auto" in form.dataset);
  if (!done) {
    document.getElementById("code-auto").hidden = false;
    field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") || ""} code-auto`.trim());
  }
  field.addEventListener("input", () => {
    const now = count();
    const complete = before < wanted && now === wanted;
    before = now;
    if (complete && !done) {
      done = true;
      form.requestSubmit();
    }
  });
  addEventListener("pageshow", (event) => {
    before = count();
    if (event.persisted) done = true;
  });

  // WebOTP: the browser may read the code from the message, if it can and the person lets it.
  if ("OTPCredential" in window) {
    const stop = new AbortController();
    form.addEventListener("submit", () => stop.abort());
    navigator.credentials
      .get({ otp: { transport: ["sms"] }, signal: stop.signal })
      .then((credential) => {
        if (!credential?.code || field.value) return;
        field.value = credential.code;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      })
      .catch(() => {});
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = button.dataset.copied;
    } catch {}
  });
}
