// What the scripts share that ask until there is an answer. It stands before them.

const RETRIED = [408, 409, 429, 500, 502, 503, 504];

// A pause ends early when the connection is back.
function rest(milliseconds) {
  return new Promise(done => {
    const end = () => { clearTimeout(timer); removeEventListener("online", end); done(); };
    const timer = setTimeout(end, milliseconds);
    addEventListener("online", end);
  });
}
