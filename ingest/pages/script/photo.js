// The photo form's help for those who have JavaScript: the picture is made small on the device, so that it costs little of
// a data plan, and sent in parts. Guarantee: after a lost connection it goes on behind the last part that was answered, and
// says so; nothing is sent twice. Without this the form sends the file as it is.
// WORDS, in the page's language, and patience.js stand before this.

const LONG_SIDE = 1_600, QUALITY = 0.85, PART_BYTES = 64 * 1024;
const FIRST_PAUSE_MS = 1_000, LONGEST_PAUSE_MS = 30_000, ATTEMPT_MS = 60_000;
let under_way = false;

async function shrunk(file) {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, LONG_SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return await new Promise(done => canvas.toBlob(done, "image/jpeg", QUALITY)) ?? file;
  } catch {
    return file; // what this browser cannot read, the server judges
  }
}

async function send(form, photo) {
  const address = `/api/v1/registrations/${location.pathname.split("/")[2]}/photo?lang=${document.documentElement.lang}`;
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
  let received = 0, pause = FIRST_PAUSE_MS;
  for (;;) {
    const end = Math.min(received + PART_BYTES, photo.size);
    try {
      const answer = await fetch(address, {
        method: "PUT",
        headers: {
          "Content-Type": photo.type,
          "Content-Range": `bytes ${received}-${end - 1}/${photo.size}`,
          "Idempotency-Key": key,
        },
        body: photo.slice(received, end),
        signal: AbortSignal.timeout(ATTEMPT_MS),
      });
      if (answer.status === 200) return null;
      const said = await answer.json();
      if (answer.status === 202) {
        received = said.received;
        pause = FIRST_PAUSE_MS;
        tell(WORDS.sending.replace("{percent}", Math.floor(100 * received / photo.size)));
        continue;
      }
      if (!RETRIED.includes(answer.status)) return said.detail;
      pause = Math.max(pause, 1000 * Number(answer.headers.get("Retry-After") ?? 0));
      tell(WORDS.busy);
    } catch {
      tell(WORDS.lost);
    }
    await rest(pause * (0.8 + 0.4 * Math.random()));
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

function tell(words) {
  const news = document.getElementById("photo-news");
  if (news) news.textContent = words;
}

// The page replaces its sections when there is news, so what listens stands above them.
document.addEventListener("submit", async event => {
  const form = event.target;
  if (form.id !== "photo-form") return;
  event.preventDefault();
  if (under_way) return;
  const file = form.querySelector("input[type=file]").files[0];
  if (!file) return tell(WORDS.none);
  under_way = true;
  form.setAttribute("aria-busy", "true");
  tell(WORDS.preparing);
  const problem = await send(form, await shrunk(file));
  under_way = false;
  form.removeAttribute("aria-busy");
  if (problem) return tell(problem);
  const place = new URL(location.href.replace(/\/photo(?=$|\?)/, ""));
  place.searchParams.set("lang", document.documentElement.lang);
  place.searchParams.set("notice", "photo_sent");
  location.replace(place);
});
