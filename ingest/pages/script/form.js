// The form's help for those who have JavaScript: checks while typing, a draft on the device, sending that does not give
// up. Guarantee: whatever fails here, the form still works as plain HTML; one key for every try, so nothing is stored
// twice; nothing typed is lost on this device until the receipt is there. WORDS stands before this, in the page's language.

const API = "/api/v1/registrations";
const FIELDS = ["name", "birth_place", "birth_date", "nik", "email", "phone"];
const DRAFT = "draft", DRAFT_HOURS = 24, RECEIPT = "receipt";
const TIMEOUT_MS = 20_000, FIRST_WAIT_MS = 2_000, LONGEST_WAIT_MS = 30_000, LONGEST_LIMIT_SECONDS = 120;

const NIK = /^([1-9]\d{5})(0[1-9]|[12]\d|3[01]|4[1-9]|[56]\d|7[01])(0[1-9]|1[0-2])(\d{2})((?!0000)\d{4})$/;
const NAME = /^\p{L}[\p{L} .,'’`/-]{0,99}$/u;
const PLACE = /^\p{L}[\p{L}0-9 .,'’`()/-]{0,99}$/u;
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const EMAIL = new RegExp(`^(?=.{6,254}$)(?=[^@]{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])$`);
const PHONE = /^(?:\+?62|0)8[1-9]\d{7,10}$/;

// --- Reading a NIK: the same as registration/nik.py and ingest/pages/nik_words.py, which a test compares.

export function readNik(text) {
  const parts = NIK.exec(text.replaceAll(" ", ""));
  if (!parts) return null;
  const day = Number(parts[2]), female = day > 40;
  return { district: parts[1], day: female ? day - 40 : day, month: Number(parts[3]), year: Number(parts[4]), female };
}

export function agrees(nik, date) {
  const [year, month, day] = date.split("-").map(Number);
  return nik.day === day && nik.month === month && nik.year === year % 100;
}

export function nikInWords(nik, date, regions) {
  const region = regions[nik.district.slice(0, 4)] ?? regions[nik.district.slice(0, 2)]
    ?? say(WORDS.region_unknown, { code: nik.district.slice(0, 4) });
  return say(WORDS.nik_says, {
    day: nik.day, month: WORDS.months[nik.month - 1], year: yearInWords(nik, date),
    sex: nik.female ? WORDS.female : WORDS.male, region,
  });
}

function yearInWords(nik, date) {
  const hint = Number(date.slice(0, 4));
  if (!hint) return say(WORDS.year_unsure, { year: String(nik.year).padStart(2, "0") });
  const same = hint - (hint % 100) + nik.year;
  return [same - 100, same, same + 100].reduce((best, year) =>
    Math.abs(year - hint) < Math.abs(best - hint) ? year : best);
}

// --- A mistyped mail domain: the same as registration/mail_domains.py.

export function mailSuggestion(email) {
  const at = email.trim().lastIndexOf("@"), domain = email.trim().slice(at + 1).toLowerCase();
  if (at < 1 || WORDS.mail_domains.includes(domain)) return null;
  const near = WORDS.mail_mistakes[domain] ?? WORDS.mail_domains.find(known => isOneSlip(domain, known));
  return near ? email.trim().slice(0, at + 1) + near : null;
}

function isOneSlip(typed, meant) {
  let start = 0, end = 0;
  while (start < typed.length && typed[start] === meant[start]) start++;
  while (end < typed.length - start && end < meant.length - start && typed.at(-1 - end) === meant.at(-1 - end)) end++;
  const left = typed.slice(start, typed.length - end), right = meant.slice(start, meant.length - end);
  return (left.length < 2 && right.length < 2)
    || (left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0]);
}

// --- Checking fields, by the codes of the interface.

const form = document.querySelector("form[data-regions]");
const input = name => form.elements[name];
const typed = name => input(name).value;
let regions = null, askedEmail = "";

const CHECKS = {
  name: text => NAME.test(squeezed(text)) ? [] : ["name_format"],
  birth_place: text => PLACE.test(squeezed(text)) ? [] : ["birth_place_format"],
  birth_date: text => isTooYoung(text) ? ["under_age"] : [],
  nik: text => readNik(text) ? doubts() : ["nik_format"],
  email: text => EMAIL.test(text.trim()) ? [] : ["email_format"],
  phone: text => PHONE.test(text.replace(/[ .()-]/g, "")) ? [] : ["phone_format"],
};

function problemsOf(name) {
  return typed(name).trim() ? CHECKS[name](typed(name)) : ["required"];
}

function doubts() {
  const nik = readNik(typed("nik")), codes = [];
  if (nik && typed("birth_date") && !agrees(nik, typed("birth_date"))) codes.push("nik_birth_date_mismatch");
  if (nik && regions && !regions[nik.district.slice(0, 4)]) codes.push("nik_unknown_region");
  return codes.filter(code => !confirmed().includes(code));
}

function isTooYoung(date) {
  // Near the birthday the server decides: this phone's clock may be a little wrong.
  const [year, month, day] = date.split("-").map(Number);
  return Date.UTC(year + 18, month - 1, day) - Date.now() > 3 * 86_400_000;
}

const squeezed = text => text.normalize("NFC").trim().replace(/ +/g, " ");
const confirmed = () => [...form.querySelectorAll("input[name=confirm]:checked")].map(box => box.value);

// --- Showing what is wrong.

function showProblems(name, codes) {
  const field = input(name), box = field.closest(".field");
  let list = document.getElementById(`${name}-problem`);
  if (!codes.length) {
    list?.remove();
    box.classList.remove("wrong");
    field.removeAttribute("aria-invalid");
    field.setAttribute("aria-describedby", `${name}-hint`);
    return;
  }
  if (!list) field.before(list = element("div", { className: "problem", id: `${name}-problem` }));
  list.replaceChildren(...codes.map(code => element("p", {}, WORDS.fields[code] ?? WORDS.fields.type)));
  box.classList.add("wrong");
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", `${name}-hint ${name}-problem`);
  codes.filter(code => WORDS.confirm[code]).forEach(offerToConfirm);
}

function offerToConfirm(code) {
  if (document.getElementById(`confirm-${code}`)) return;
  let group = document.getElementById("confirm");
  if (!group) {
    group = element("fieldset", { id: "confirm", tabIndex: -1 }, element("legend", {}, WORDS.confirm_label),
      element("p", { className: "hint" }, WORDS.confirm_hint));
    input("nik").closest(".field").after(group);
  }
  const box = element("input", { type: "checkbox", name: "confirm", value: code, id: `confirm-${code}` });
  const label = element("label", { htmlFor: box.id }, WORDS.confirm[code]);
  group.append(element("div", { className: "choice" }, box, label));
}

function showNik() {
  const nik = readNik(typed("nik")), digits = typed("nik").replace(/\D/g, "").length;
  const said = nik ? nikInWords(nik, typed("birth_date"), regions ?? { [nik.district.slice(0, 4)]: WORDS.region_loading })
    : digits ? say(WORDS.nik_digits, { count: digits }) : "";
  const place = document.getElementById("nik-live") ?? element("p", { id: "nik-live", className: "says" });
  place.setAttribute("role", "status");
  if (!place.isConnected) input("nik").after(place);
  if (place.textContent !== said) place.textContent = said;
  document.getElementById("nik-says")?.remove();
}

function showSuggestion() {
  document.getElementById("email-meant")?.remove();
  const meant = mailSuggestion(typed("email"));
  if (!meant) return null;
  const use = element("button", { type: "button", className: "second" }, say(WORDS.email_use, { email: meant }));
  use.addEventListener("click", () => { input("email").value = meant; changed("email"); input("email").focus(); });
  input("email").after(element("div", { id: "email-meant", className: "notice" },
    element("p", {}, say(WORDS.email_meant, { email: meant })), use));
  return meant;
}

function notice(text, ...more) {
  let place = document.getElementById("notice");
  if (!place) {
    place = element("div", { id: "notice", className: "notice" });
    place.setAttribute("role", "status");
    form.querySelector("button[type=submit]").before(place);
  }
  place.replaceChildren(...(text ? [element("p", {}, text), ...more] : []));
  place.hidden = !text;
}

function button(words, act) {
  const made = element("button", { type: "button", className: "second" }, words);
  made.addEventListener("click", act);
  return made;
}

// --- The draft on this device.

function keepDraft() {
  const values = Object.fromEntries(FIELDS.map(name => [name, typed(name)]));
  store(DRAFT, { at: Date.now(), key: input("key").value, values, confirm: confirmed() });
  document.getElementById("draft").hidden = false;
}

function restoreDraft() {
  const draft = load(DRAFT, DRAFT_HOURS);
  if (!draft || FIELDS.some(name => typed(name))) return;
  FIELDS.forEach(name => { input(name).value = draft.values[name] ?? ""; });
  draft.confirm.forEach(code => { offerToConfirm(code); document.getElementById(`confirm-${code}`).checked = true; });
  input("key").value = draft.key;
  document.getElementById("draft").hidden = false;
  form.prepend(element("p", { className: "notice" }, WORDS.draft_back));
}

function clearDraft() {
  forget(DRAFT);
  location.assign(location.pathname + location.search); // a new form, with a new key
}

export function load(name, hours) {
  try {
    const kept = JSON.parse(localStorage.getItem(name));
    if (kept && Date.now() - kept.at < hours * 3_600_000) return kept;
    localStorage.removeItem(name);
  } catch { /* no storage, or not ours: as if nothing was kept */ }
  return null;
}

function store(name, value) {
  try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* private mode, or full: the form still works */ }
}

function forget(name) {
  try { localStorage.removeItem(name); } catch { /* nothing was kept */ }
}

// --- Sending, until there is an answer.

let sending = false, wake = null, stopped = false;

async function submit() {
  if (sending) return;
  const wrong = FIELDS.filter(name => { const codes = problemsOf(name); showProblems(name, codes); return codes.length; });
  if (wrong.length) return toFirst(wrong, WORDS.wrong);
  const meant = showSuggestion();
  if (meant && askedEmail !== typed("email")) {
    askedEmail = typed("email");
    notice(say(WORDS.email_sure, { email: meant }));
    document.querySelector("#email-meant button").focus();
    return;
  }
  keepDraft();
  setSending(true);
  try { await sendUntilAnswered(); } finally { setSending(false); }
}

async function sendUntilAnswered() {
  const values = Object.fromEntries(FIELDS.map(name => [name, typed(name)]));
  const body = JSON.stringify({ ...values, confirm: confirmed() });
  for (let tries = 0; !stopped; tries++) {
    notice(tries ? WORDS.sending_again : WORDS.sending);
    const answer = await post(body);
    if (answer.handle) return arrive(answer.handle);
    if (!answer.again) return refuse(answer.problem);
    await wait(Math.max(answer.seconds * 1000, Math.min(FIRST_WAIT_MS * 2 ** tries, LONGEST_WAIT_MS)), answer.words);
  }
  notice(WORDS.stopped);
}

async function post(body) {
  const headers = { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang,
    "Idempotency-Key": input("key").value };
  let response, said = {};
  const deadline = new AbortController(), timer = setTimeout(() => deadline.abort(), TIMEOUT_MS);
  try {
    response = await fetch(API, { method: "POST", headers, body, signal: deadline.signal });
    said = await response.json();
  } catch {
    // No answer, or half of one: the outcome is unknown, and the same key finds out.
    return { again: true, seconds: 0, words: navigator.onLine === false ? WORDS.offline : WORDS.lost };
  } finally {
    clearTimeout(timer);
  }
  if (response.status === 202 && said.handle) return { handle: said.handle };
  const seconds = Number(response.headers.get("Retry-After")) || 0;
  const passing = [408, 409].includes(response.status) || response.status >= 500
    || (response.status === 429 && seconds <= LONGEST_LIMIT_SECONDS);
  return { again: passing, seconds, words: response.status === 503 ? WORDS.busy : WORDS.lost, problem: said };
}

async function wait(milliseconds, words) {
  const end = Date.now() + milliseconds * (1 + Math.random());
  const left = element("strong", { ariaHidden: "true" });
  notice(words, left, button(WORDS.send_now, () => wake?.()), button(WORDS.stop, () => { stopped = true; wake?.(); }));
  const tick = () => { left.textContent = say(WORDS.in_seconds, { count: Math.max(1, Math.ceil((end - Date.now()) / 1000)) }); };
  tick();
  const ticking = setInterval(tick, 1000);
  await new Promise(resolve => {
    wake = resolve;
    setTimeout(resolve, end - Date.now());
    addEventListener("online", resolve, { once: true });
  });
  clearInterval(ticking);
}

function arrive(handle) {
  forget(DRAFT);
  const path = `/r/${handle}?lang=${document.documentElement.lang}`;
  store(RECEIPT, { at: Date.now(), path });
  location.assign(path);
}

function refuse(problem) {
  const errors = problem?.errors ?? [];
  const wrong = FIELDS.filter(name => errors.some(error => error.field === name));
  wrong.forEach(name => showProblems(name, errors.filter(error => error.field === name).map(error => error.code)));
  if (wrong.length) return toFirst(wrong, WORDS.wrong);
  const anew = button(WORDS.send_anew, () => { input("key").value = newKey(); submit(); });
  notice(problem?.detail ?? WORDS.unknown, ...(problem?.code === "key_reused" ? [anew] : []));
}

function toFirst(wrong, words) {
  notice(words);
  input(wrong[0]).focus();
}

function setSending(now) {
  sending = now;
  stopped = false;
  form.setAttribute("aria-busy", now);
  FIELDS.forEach(name => { input(name).readOnly = now; });
  form.querySelector("button[type=submit]").setAttribute("aria-disabled", now);
}

// --- Small things.

const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");
const say = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function changed(name) {
  if (name === "nik" || name === "birth_date") document.getElementById("confirm")?.remove(); // it was of other digits
  if (document.getElementById(`${name}-problem`)) showProblems(name, problemsOf(name));
  if (name === "nik" || name === "birth_date") showNik();
  if (name === "email") document.getElementById("email-meant")?.remove();
}

function left(name) {
  // What is still empty is told when it is sent: whoever comes by with the keyboard has done nothing wrong.
  if (typed(name).trim()) showProblems(name, problemsOf(name));
  if (name === "birth_date" && typed("nik").trim()) showProblems("nik", problemsOf("nik"));
  if (name === "email") showSuggestion();
}

async function loadRegions() {
  if (regions) return;
  try {
    regions = await (await fetch(form.dataset.regions)).json();
    showNik();
  } catch { /* the sentence then has no region, and the server looks at it */ }
}

if (form) {
  form.addEventListener("submit", event => { event.preventDefault(); submit().catch(() => form.submit()); });
  form.addEventListener("input", event => {
    if (FIELDS.includes(event.target.name)) changed(event.target.name);
    else if (event.target.name === "confirm") showProblems("nik", problemsOf("nik"));
    keepDraft();
  });
  form.addEventListener("focusout", event => {
    // Never between pressing a button and letting go: a message that appears then moves the button from under the thumb.
    if (FIELDS.includes(event.target.name) && event.relatedTarget?.type !== "submit") left(event.target.name);
  });
  input("nik").addEventListener("focus", loadRegions, { once: true });
  document.getElementById("forget").addEventListener("click", clearDraft);
  restoreDraft();
  const receipt = load(RECEIPT, 24 * 60);
  if (receipt?.path?.startsWith("/r/")) {
    const place = document.getElementById("earlier");
    place.querySelector("a").href = receipt.path;
    place.querySelector("button").addEventListener("click", () => { forget(RECEIPT); place.hidden = true; });
    place.hidden = false;
  }
  if (typed("nik")) loadRegions();
}
