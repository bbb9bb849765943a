// The test's help for those who have JavaScript: each answer is saved as it is chosen, the time that is left runs on, and
// the score comes by itself. Guarantee: an answer that the server has not confirmed stays on this device and is sent
// again, also after a reload or without a connection in between; the phone's clock decides nothing. Without this the
// form's buttons do the same. WORDS, in the page's language, and patience.js stand before this.

const handle = location.pathname.split("/")[2], api = `/api/v1/registrations/${handle}/test`;
const page = `/r/${handle}/test?lang=${document.documentElement.lang}`;
const form = document.querySelector("form[data-deadline]"), scoring = document.querySelector("[data-scoring]");
const KEPT = `test ${handle}`;
const FIRST_PAUSE_MS = 1_000, LONGEST_PAUSE_MS = 15_000, GROWTH = 1.6, ATTEMPT_MS = 10_000, TICK_MS = 5_000;

// --- Asking the server until it says something.

async function ask(path, body) {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * GROWTH, LONGEST_PAUSE_MS)) {
    let wait = pause;
    try {
      const answer = await fetch(`${api}${path}`, {
        method: body ? "POST" : "GET",
        headers: body ? { "Content-Type": "application/json" } : {},
        body: body && JSON.stringify(body),
        cache: "no-store",
        signal: AbortSignal.timeout(ATTEMPT_MS),
      });
      if (!RETRIED.includes(answer.status)) return answer;
      wait = Math.max(pause, 1000 * Number(answer.headers.get("Retry-After") ?? 0));
    } catch { /* no connection */ }
    tell(WORDS.lost);
    await rest(wait * (0.8 + 0.4 * Math.random()));
  }
}

function tell(words) {
  const news = document.getElementById("test-news");
  if (news) news.textContent = words;
}

// --- Answers: what the server has not confirmed yet, by question, here and in the device's storage.

let unsent = new Map(), sending = null;

function keep() {
  try {
    if (unsent.size) localStorage.setItem(KEPT, JSON.stringify({ deadline: form.dataset.deadline, answers: [...unsent] }));
    else localStorage.removeItem(KEPT);
  } catch { /* no storage: they are kept while the page is open */ }
}

function bringBack() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "null");
    if (kept?.deadline === form.dataset.deadline) unsent = new Map(kept.answers);
  } catch { return; }
  for (const [question, option] of unsent) {
    const input = document.getElementById(`q${question}-${option}`);
    if (input) input.checked = true;
  }
}

function send() {
  sending ??= sendAll().finally(() => { sending = null; });
  return sending;
}

async function sendAll() {
  while (unsent.size) {
    const [question, option] = unsent.entries().next().value;
    const answer = await ask("/answer", { question, option });
    if (unsent.get(question) === option) unsent.delete(question); // or another was chosen meanwhile
    if (answer.status !== 200) { // the time is up, or it was sent from another device: the page says what is now
      unsent.clear();
      keep();
      return location.replace(page);
    }
    keep();
  }
  tell(WORDS.saved);
}

// --- The time that is left, by the server's clock and by what has passed since: not by the phone's.

let deadline = 0;

function learnTime(now, end) {
  deadline = performance.now() + Date.parse(end) - Date.parse(now) + 1_000; // both are told in whole seconds
}

async function tick() {
  const left = deadline - performance.now();
  if (left <= 0) return location.replace(page);
  document.getElementById("left").textContent = WORDS.left.replace("{minutes}", Math.ceil(left / 60_000));
  setTimeout(tick, Math.min(TICK_MS, left + 500));
}

// A phone that slept may not have counted.
async function learnAgain() {
  const answer = await ask("");
  if (answer.status !== 200) return;
  const test = await answer.json();
  if (test.state !== "running") return location.replace(page);
  learnTime(test.now, test.deadline_at);
}

// --- The score comes by itself.

async function lookForScore() {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * GROWTH, LONGEST_PAUSE_MS)) {
    await rest(pause * (0.8 + 0.4 * Math.random()));
    const answer = await ask("");
    if (answer.status !== 200 || (await answer.json()).state === "scored") return location.replace(page);
  }
}

if (form) {
  learnTime(form.dataset.now, form.dataset.deadline);
  tick();
  bringBack();
  if (unsent.size) send();
  form.addEventListener("change", event => {
    unsent.set(Number(event.target.name.slice(1)), Number(event.target.value));
    keep();
    tell(WORDS.saving);
    send();
  });
  form.addEventListener("submit", async event => {
    event.preventDefault();
    form.setAttribute("aria-busy", "true");
    await send();
    if (event.submitter?.value === "submit") {
      await ask("/submit", {});
      location.replace(page);
    }
    form.removeAttribute("aria-busy");
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) learnAgain(); });
}
if (scoring) lookForScore();
