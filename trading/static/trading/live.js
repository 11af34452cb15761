// The one channel of a page that has `data-live`: /stream/desk, kept open, and what it tells as events of the body.
//
//   raxx:order   one order event of the account, as the API's event stream tells it
//   raxx:orders  orders, positions or cash have changed: a moment after the last one, at once after a catch-up
//   raxx:quotes  by symbol what changed: bid, ask, bid_size, ask_size, last, at
//   raxx:market  session, is_open, at, is_tape, paused, speed
//   raxx:link    connecting, live, catching-up or lost; `#link` says it in words, the body has the class `lost`
//
// The body says where in the account's log the page stands (`data-since`); nothing after it is missed.

const SYMBOLS_MAX = 100;
const SILENT_MS = 20_000; // the server says something every ten seconds
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;
const SETTLE_MS = 250;
const TERMINAL = [401, 403, 404]; // asking again changes nothing

const { body } = document;
const link = document.getElementById("link");
const isLive = document.querySelector("[data-live]") !== null;
const asked = new Set(); // by scripts
let source = null;
let since = body.dataset.since ?? "";
let followed = []; // what the open channel follows
let state = "connecting";
let failures = 0;
let isGap = false; // the page must look at everything anew
let isOver = false;
let waiting; // timers
let silence;
let settling;
let renewing;

const tell = (name, detail) => body.dispatchEvent(new CustomEvent(`raxx:${name}`, { detail }));

/** Follow more symbols from now on. */
export function follow(names) {
  for (const name of names) {
    asked.add(name);
  }
  compare();
}

function wanted() {
  const named = [...document.querySelectorAll("[data-symbols]")].flatMap((one) => one.dataset.symbols.split(/\s+/));
  return [...new Set([...asked, ...named])].filter(Boolean).slice(0, SYMBOLS_MAX);
}

/** Open another channel where the page shows symbols that this one does not follow. */
function compare() {
  clearTimeout(renewing);
  renewing = setTimeout(() => {
    if (source !== null && !wanted().every((name) => followed.includes(name))) {
      open();
    }
  }, SETTLE_MS);
}

function become(next, text = link.dataset[`word${next[0].toUpperCase()}${next.slice(1).replace("-up", "Up")}`]) {
  if (next !== state || link.textContent !== text) {
    state = next;
    link.dataset.state = next;
    link.textContent = text;
    body.classList.toggle("lost", next === "lost");
    tell("link", next);
  }
}

function open() {
  close();
  isOver = false;
  followed = wanted();
  const query = new URLSearchParams({ account_id: body.dataset.account, symbols: followed.join(",") });
  if (since) {
    query.set("since_id", since);
  }
  const address = `/stream/desk?${query}`;
  const mine = (source = new EventSource(address));
  const hear = (name, listener) =>
    mine.addEventListener(name, (event) => {
      if (mine === source) {
        watch();
        listener(event);
      }
    });
  hear("log", (event) => {
    isGap ||= JSON.parse(event.data).gap;
    since = event.lastEventId;
    if (state === "lost") {
      become("catching-up");
    }
  });
  hear("caught-up", (event) => {
    since = event.lastEventId;
    failures = 0;
    const wasAway = state === "catching-up";
    become("live");
    if (wasAway || isGap) {
      isGap = false;
      stir(0);
    }
  });
  hear("message", (event) => {
    since = event.lastEventId;
    tell("order", JSON.parse(event.data));
    stir(SETTLE_MS);
  });
  hear("quotes", (event) => tell("quotes", JSON.parse(event.data)));
  hear("market", (event) => tell("market", JSON.parse(event.data)));
  hear("alive", () => {});
  mine.addEventListener("error", () => {
    if (mine === source) {
      lose(mine.readyState === EventSource.CLOSED ? address : null);
    }
  });
  watch();
}

function stir(after) {
  clearTimeout(settling);
  settling = setTimeout(() => tell("orders"), after);
}

/** Have the channel count as lost when nothing is heard for a while. */
function watch() {
  clearTimeout(silence);
  silence = setTimeout(() => lose(null), SILENT_MS);
}

function close() {
  source?.close();
  source = null;
  for (const timer of [waiting, silence, renewing]) {
    clearTimeout(timer);
  }
}

/** Say that the channel is gone, and come back after a while; `address` is one that was refused. */
async function lose(address) {
  close();
  become("lost");
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
  failures += 1;
  waiting = setTimeout(open, longest * (0.5 + Math.random() / 2)); // not all pages at once
  const status = address && navigator.onLine ? await refusal(address) : null;
  if (status !== null && source === null) {
    refused(status);
  }
}

function refused(status) {
  if (status === 429) {
    become("lost", link.dataset.wordCrowded);
  } else if (TERMINAL.includes(status)) {
    isOver = true;
    clearTimeout(waiting);
    become("lost", status === 401 ? link.dataset.wordSignedOut : link.dataset.wordLost);
  }
}

/** An EventSource does not say why it was refused: ask for the same again, and return the status; null for none. */
async function refusal(address) {
  const asking = new AbortController();
  try {
    const answer = await fetch(address, { signal: asking.signal, cache: "no-store", redirect: "error" });
    return answer.ok ? null : answer.status;
  } catch {
    return null;
  } finally {
    asking.abort();
  }
}

/** Try now, rather than when the time has come. */
function hurry() {
  if (source === null && !isOver && !document.hidden && navigator.onLine) {
    failures = 0;
    open();
  }
}

if (isLive) {
  open();
  document.addEventListener("visibilitychange", hurry);
  addEventListener("online", hurry);
  addEventListener("offline", () => lose(null));
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && open());
  document.addEventListener("htmx:load", compare);
}
