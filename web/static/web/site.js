"use strict";

/* Everything works without this file; it only makes things quicker. No inline handlers: behaviour hangs on data-*. */

const root = document.documentElement;
const announcer = document.getElementById("announcer");

function announce(text) {
  if (announcer.textContent !== text) announcer.textContent = text;
}

/* Theme: the server remembers it; here it changes without a page load. */
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-theme-form]")) return;
  event.preventDefault();
  const theme = event.submitter.value;
  const body = new FormData(form, event.submitter);
  root.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-form] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
  const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
  if (!answer || answer.status >= 400) announce(form.dataset.failed);
});

/* A form that is on its way is not sent again. The server stands a second one too. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]") || event.defaultPrevented) return;
  if (form.getAttribute("aria-busy") === "true") {
    event.preventDefault();
    return;
  }
  form.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
});

/* Copy buttons. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const use = button.querySelector("use");
  const before = use.getAttribute("href");
  use.setAttribute("href", before.replace(/#.*/, "#check"));
  announce(button.dataset.copied);
  setTimeout(() => {
    use.setAttribute("href", before);
    announce("");
  }, 2000);
});

/* A link to a confirmation page opens the same question as a dialog, where the page holds one. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-confirm]");
  const dialog = link && document.getElementById(link.dataset.confirm);
  if (!dialog || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  dialog.showModal();
});
document.addEventListener("click", (event) => {
  if (event.target.matches("dialog.confirm")) event.target.close();
});

/* Lists: j and k move between rows, x ticks one, enter follows the row's link as it always does. */
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
  const links = [...document.querySelectorAll("[data-keys] .title a")];
  if (!links.length) return;
  const at = links.findIndex((link) => link.closest("tr, li").contains(document.activeElement));
  if (event.key === "j") links[Math.min(at + 1, links.length - 1)].focus();
  else if (event.key === "k") links[Math.max(at - 1, 0)].focus();
  else if (event.key === "x" && at >= 0) links[at].closest("tr, li").querySelector("input[type=checkbox]")?.click();
});

/* Ticked rows: how many, all or none. */
function countTicks(form) {
  const boxes = [...form.querySelectorAll("input[name=codes]")];
  const ticked = boxes.filter((box) => box.checked).length;
  const bar = form.querySelector(".bulk");
  if (!bar) return;
  bar.toggleAttribute("data-idle", !ticked);
  const shown = bar.querySelector("[data-ticked]");
  shown.textContent = ticked ? shown.dataset.ticked.replace("0", ticked) : "";
  const all = bar.querySelector("[data-tick-all]");
  all.checked = ticked > 0 && ticked === boxes.length;
  all.indeterminate = ticked > 0 && ticked < boxes.length;
}
function countAllTicks() {
  for (const form of document.querySelectorAll("[data-bulk]")) countTicks(form);
}
countAllTicks();
window.addEventListener("pageshow", countAllTicks);
document.addEventListener("htmx:afterSettle", countAllTicks);
document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-bulk]");
  if (!form) return;
  if (event.target.matches("[data-tick-all]")) {
    for (const box of form.querySelectorAll("input[name=codes]")) box.checked = event.target.checked;
  }
  countTicks(form);
});

/* Live parts. A list that somebody is choosing from is left alone until they are done. */
const STALE_AFTER = 8000;
const heard = new WeakMap();

document.addEventListener("htmx:beforeRequest", (event) => {
  const list = event.target.closest("[data-live-list]");
  if (list && (list.querySelector("input:checked") || list.contains(document.activeElement))) event.preventDefault();
});
document.addEventListener("htmx:afterRequest", (event) => {
  const live = event.target.closest?.("[data-live]") ?? document.querySelector("[data-live]");
  if (!live || !event.detail.successful) return;
  heard.set(live, Date.now());
  live.querySelector("[data-stale]").hidden = true;
});
document.addEventListener("htmx:afterSettle", () => {
  const state = document.querySelector("[data-live] [data-state]");
  if (state) announce(state.dataset.state);
});
setInterval(() => {
  for (const live of document.querySelectorAll("[data-live]")) {
    if (!live.querySelector("[hx-get]")) continue;
    if (!heard.has(live)) heard.set(live, Date.now());
    const silence = Date.now() - heard.get(live);
    const note = live.querySelector("[data-stale]");
    note.hidden = silence < STALE_AFTER;
    if (note.hidden) continue;
    const seconds = Math.round(silence / 1000);
    const ago = new Intl.RelativeTimeFormat(root.lang, { style: "short" });
    const shown = seconds < 90 ? ago.format(-seconds, "second") : ago.format(-Math.round(seconds / 60), "minute");
    note.querySelector("[data-ago]").textContent = shown;
  }
}, 1000);

/* After sleep or a tunnel, ask at once instead of at the next tick. */
function wake() {
  if (!document.hidden) document.body.dispatchEvent(new CustomEvent("wake"));
}
document.addEventListener("visibilitychange", wake);
window.addEventListener("online", wake);

/* After a form came back with errors, start reading there. */
document.querySelector("[data-focus]")?.focus();
