// Refreshes the parts of a page that are live: each element with an id and data-live="seconds" is replaced by what the
// same address shows now. While the page is hidden nothing is asked. Everything else works without a script.
"use strict";
(() => {
  const parts = [...document.querySelectorAll("[data-live][id]")];
  if (parts.length === 0) return;
  const seconds = Math.max(2, Math.min(...parts.map((part) => Number(part.dataset.live) || 10)));
  let waiting = 0;
  const refresh = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { "x-ramz-live": "1" }, redirect: "manual", credentials: "same-origin" });
      if (answer.type === "opaqueredirect") return location.reload();
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const { id } of parts) {
        const old = document.getElementById(id);
        const now = fresh.getElementById(id);
        // What somebody is about to use stays under their hand.
        if (old && now && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(now));
      }
    } catch {
      // The next time may go better; the page says when it was made.
    }
  };
  const plan = () => {
    clearTimeout(waiting);
    if (!document.hidden) waiting = setTimeout(async () => { await refresh(); plan(); }, seconds * 1000);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); plan(); });
  plan();
})();
