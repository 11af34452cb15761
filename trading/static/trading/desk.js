// On every page about a paper account: instants in the reader's zone, and the choice of account closes by itself.

const lang = document.documentElement.lang;
const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const whole = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium" });
const today = new Intl.DateTimeFormat(lang, { ...clock, timeZoneName: "short" });
const otherDay = new Intl.DateTimeFormat(lang, { month: "short", day: "numeric", ...clock, timeZoneName: "short" });
const wall = { year: "numeric", month: "2-digit", day: "2-digit", ...clock };
const here = new Intl.DateTimeFormat("sv-SE", wall);
const there = new Intl.DateTimeFormat("sv-SE", { ...wall, timeZone: "America/New_York" });

/** Return an instant as New York's clock shows it: 2013-10-08 12:30:00. */
export function newYorkTime(instant) {
  return there.format(instant);
}

/** Return the reader's own time with its zone, and its day where New York's is another; "" where both are one. */
export function ownTime(instant) {
  const [mine, theirs] = [here.format(instant), newYorkTime(instant)];
  if (mine === theirs) {
    return "";
  }
  return (mine.slice(0, 10) === theirs.slice(0, 10) ? today : otherDay).format(instant);
}

/** Put the reader's own time beside New York's, on the whole page: the style sheet shows it where there is room. */
export function localize() {
  for (const place of document.querySelectorAll("time[data-market]:not([data-local])")) {
    const instant = new Date(place.dateTime);
    place.dataset.local = ownTime(instant);
    place.title = whole.format(instant);
  }
}

localize();
for (const swapped of ["htmx:afterSwap", "htmx:oobAfterSwap"]) {
  document.addEventListener(swapped, localize); // before it is painted
}

// Whose session has ended is sent to the log-in: that is a page, and no part of this one.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (new URL(event.detail.xhr.responseURL).pathname !== location.pathname) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

const choice = document.getElementById("account-choice");
document.addEventListener("click", (event) => {
  if (choice?.open && !choice.contains(event.target)) {
    choice.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && choice?.open) {
    choice.open = false;
    choice.querySelector("summary").focus();
  }
});
