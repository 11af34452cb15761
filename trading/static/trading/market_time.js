// New York's clock. The charts' script knows no zones: it is given New York's hands of the clock as if they were UTC.

const hands = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  hourCycle: "h23",
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
});
const offsets = new Map(); // hour of UTC -> seconds

/** Return the seconds of an instant (ms) as New York's clock shows it. */
export function newYorkSeconds(ms) {
  const hour = Math.floor(ms / 3_600_000);
  if (!offsets.has(hour)) {
    const at = Object.fromEntries(hands.formatToParts(hour * 3_600_000).map((part) => [part.type, Number(part.value)]));
    offsets.set(hour, Date.UTC(at.year, at.month - 1, at.day, at.hour) / 1000 - hour * 3600);
  }
  return Math.floor(ms / 1000) + offsets.get(hour);
}

/** Return such seconds as a text: 2013-10-08 12:30, or the day alone. */
export function clockText(seconds, isDay = false) {
  const text = new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  return isDay ? text.slice(0, 10) : text;
}
