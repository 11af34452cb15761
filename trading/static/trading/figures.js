// Figures as the server writes them (trading/templatetags/figures.py), for what scripts change. Display only: no order
// is ever made of what stands here.

const MINUS = "−";
const formats = new Map();

function format(places) {
  if (!formats.has(places)) {
    formats.set(
      places,
      new Intl.NumberFormat("en-US", { minimumFractionDigits: places, maximumFractionDigits: places || 9 }),
    );
  }
  return formats.get(places);
}

/** Return a price or a size: at least `places` decimals, four where it has more; a dash for nothing. */
export function figure(value, places = 2) {
  if (value === null || value === undefined || value === "") {
    return "–";
  }
  const number = Number(value);
  const fine = places && Math.abs(number * 100 - Math.round(number * 100)) > 1e-6 ? 4 : places;
  return (number < 0 ? MINUS : "") + format(fine).format(Math.abs(number));
}

/** Return a change with its sign and two decimals. */
export function signed(number) {
  const text = format(2).format(Math.abs(number));
  return number === 0 || text === "0.00" ? text : (number > 0 ? "+" : MINUS) + text;
}
