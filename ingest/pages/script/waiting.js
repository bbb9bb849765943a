// The waiting page tries again by itself, each phone at a time of its own, so that a crowd does not come back at once.
// WORDS stands before this, in the page's language.

const SHORTEST_MS = 10_000, LONGEST_MS = 60_000;
const place = document.getElementById("again");
const [, first, second] = location.pathname.split("/");
const target = first === "r" ? `/r/${second}${location.search}` : location.href; // never the address that a form was sent to
let pause = SHORTEST_MS;

async function look() {
  try {
    const answer = await fetch(target, { method: "HEAD", cache: "no-store" });
    if (answer.status < 500 && answer.status !== 429) return location.replace(target);
    pause = Math.max(pause, 1000 * Number(answer.headers.get("Retry-After")));
  } catch { /* no connection: the next look finds out */ }
  schedule();
}

function schedule() {
  const end = Date.now() + pause * (1 + Math.random());
  pause = Math.min(pause * 1.5, LONGEST_MS);
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    place.textContent = left > 0 ? WORDS.in_seconds.replace("{count}", left) : WORDS.now;
    if (left > 0) return;
    clearInterval(ticking);
    look();
  };
  const ticking = setInterval(tick, 1000);
  tick();
}

try {
  document.getElementById("kept").hidden = !localStorage.getItem("draft");
} catch { /* no storage: nothing is kept */ }
if (place) schedule();
