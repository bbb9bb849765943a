#!/bin/sh
# Lighthouse on the form and a status page: `tools/lighthouse.sh FRONT_DOOR [FOLDER]`. Reports go to the folder.
# Needs what a newcomer's machine need not have: Node 18 or later with npm, and Chromium (CHROME_PATH). Lighthouse itself
# is installed into the folder, at the version below. Exit code 1 when a category has less than 95.
set -eu

LIGHTHOUSE=12.8.2
LEAST=95
FRONT=${1:?address of a front door, as `gelombang up` prints it}
FOLDER=${2:-test-artifacts/lighthouse}
export CHROME_PATH="${CHROME_PATH:-/usr/bin/chromium}"

mkdir -p "$FOLDER"
[ -x "$FOLDER/node_modules/.bin/lighthouse" ] ||
    npm install --prefix "$FOLDER" --no-fund --no-audit --silent "lighthouse@$LIGHTHOUSE"

status=$(curl -fs "$FRONT/api/v1/registrations" -H 'Content-Type: application/json' -H "Idempotency-Key: lighthouse-$$" \
    -d '{"name": "Siti Rahayu", "birth_place": "Jakarta", "birth_date": "1990-02-03", "nik": "3174014302909001",
         "email": "siti@surel.example", "phone": "0812 3456 7890"}' | sed 's/.*"handle":"\([^"]*\)".*/\1/')
sleep 5 # until the registry has said that the name differs: the page then has a form in it

result=0
for page in form status; do
    case $page in form) path=/ ;; *) path="/r/$status" ;; esac
    "$FOLDER/node_modules/.bin/lighthouse" "$FRONT$path" --quiet --output=json --output=html \
        --output-path="$FOLDER/$page" --only-categories=performance,accessibility,best-practices \
        --chrome-flags="--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    node -e '
        const { categories } = JSON.parse(require("fs").readFileSync(process.argv[1]));
        const scores = Object.values(categories).map(({ id, score }) => [id, Math.round(score * 100)]);
        console.log(process.argv[2], ...scores.map(([id, score]) => `${id} ${score}`));
        process.exit(scores.every(([, score]) => score >= Number(process.argv[3])) ? 0 : 1);
    ' "$FOLDER/$page.report.json" "$page" "$LEAST" || result=1
done
exit $result
