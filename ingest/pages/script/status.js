// The status page's help for those who have JavaScript: it looks for news by itself, gently, tells times in the reader's
// zone, and keeps the way back. Guarantee: what somebody is typing is never replaced; without this the page is complete.
// WORDS stands before this, in the page's language.

const main = document.querySelector("main[data-tag]");
const handle = location.pathname.split("/")[2], receipt = `/r/${handle}?lang=${document.documentElement.lang}`;
const chosen = new URLSearchParams(location.search).get("zone"); // by hand: then it stays
const page = receipt + (chosen ? `&zone=${encodeURIComponent(chosen)}` : "");
const FIRST_MS = 4_000, LONGEST_MS = 60_000, GROWTH = 1.4;
const ZONES = { 7: "WIB", 8: "WITA", 9: "WIT" };
const RECEIPT = "receipt", DRAFT = "draft";

// --- News: the state's tag costs the server next to nothing; the page is fetched only when the state is another.

let tag = main?.dataset.tag, pause = FIRST_MS, timer = 0;

function schedule() {
  clearTimeout(timer);
  if (document.hidden || main.dataset.state === "complete") return;
  timer = setTimeout(look, pause * (0.8 + 0.4 * Math.random()));
  pause = Math.min(pause * GROWTH, LONGEST_MS);
}

async function look() {
  try {
    const answer = await fetch(`/api/v1/registrations/${handle}`, { headers: { "If-None-Match": tag }, cache: "no-store" });
    if (answer.status === 200) {
      await show(await (await fetch(page)).text());
      tag = answer.headers.get("ETag");
      pause = FIRST_MS;
    } else if (answer.headers.has("Retry-After")) {
      pause = Math.max(pause, 1000 * Number(answer.headers.get("Retry-After")));
    }
  } catch { /* no connection: the next look finds out */ }
  schedule();
}

async function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  inReadersZone(fresh);
  const news = fresh.querySelector("main[data-tag]");
  if (!news) return;
  main.dataset.state = news.dataset.state;
  for (const section of news.querySelectorAll("section[id]")) {
    const shown = document.getElementById(section.id);
    if (shown && !isInUse(shown) && shown.outerHTML !== section.outerHTML) shown.replaceWith(section);
  }
  document.getElementById("news").textContent = WORDS.news;
}

function isInUse(section) {
  return section.contains(document.activeElement) || [...section.querySelectorAll("input")].some(input => input.value);
}

// --- Times: the server writes WIB, or what was chosen; a phone further east is told its own.

function inReadersZone(root) {
  const zone = -new Date().getTimezoneOffset() / 60;
  if (!ZONES[zone] || chosen) return;
  root.querySelector(".zones")?.setAttribute("hidden", "");
  for (const time of root.querySelectorAll("time")) {
    const moment = new Date(Date.parse(time.dateTime) + zone * 3_600_000);
    const two = number => String(number).padStart(2, "0");
    time.textContent = WORDS.moment.replace(/\{(\w+)\}/g, (_, part) => ({
      day: moment.getUTCDate(), month: WORDS.months[moment.getUTCMonth()], year: moment.getUTCFullYear(),
      hour: two(moment.getUTCHours()), minute: two(moment.getUTCMinutes()), zone: WORDS.zones[ZONES[zone]],
    })[part]);
  }
}

// --- The way back, on this device only. The draft has done its work: it goes.

function remember() {
  try {
    localStorage.removeItem(DRAFT);
    localStorage.setItem(RECEIPT, JSON.stringify({ at: Date.now(), path: receipt }));
  } catch { return; /* no storage: the address is on the page */ }
  const place = document.getElementById("remembered");
  place.hidden = false;
  place.querySelector("button").addEventListener("click", () => { localStorage.removeItem(RECEIPT); place.hidden = true; });
}

function offer(id, act) {
  const button = document.getElementById(id);
  button.hidden = false;
  button.addEventListener("click", () => act(button));
}

if (main) {
  inReadersZone(document);
  remember();
  offer("print", () => print());
  if (navigator.clipboard) {
    offer("copy", async button => {
      await navigator.clipboard.writeText(document.querySelector(".address").textContent);
      button.textContent = WORDS.copied;
    });
  }
  document.addEventListener("visibilitychange", () => { pause = FIRST_MS; schedule(); });
  schedule();
}
