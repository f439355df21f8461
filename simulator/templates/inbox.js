// Keeps the inbox fresh: fetches the same page and swaps its live part when that has changed.
const REFRESH_MS = 1500;
const live = () => document.getElementById("live");
let shown = live().innerHTML;

function fillOrigin() {
  for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live").innerHTML;
    if (fresh === shown || document.querySelector("[data-copy].done")) return;
    shown = fresh;
    live().replaceChildren(...page.getElementById("live").childNodes);
    fillOrigin();
  } catch {
    // The simulator is away for a moment; the next round tries again.
  }
}

// The clipboard API exists on secure origins only; elsewhere a selection has to do.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await copy(button.dataset.copy);
  const label = button.textContent;
  button.textContent = document.body.dataset.copied;
  button.classList.add("done");
  setTimeout(() => {
    button.textContent = label;
    button.classList.remove("done");
  }, 1200);
});

fillOrigin();
setInterval(refresh, REFRESH_MS);
