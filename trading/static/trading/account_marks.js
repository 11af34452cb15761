// Live marks: each quote changes the cells that it changes, and no others. What a row is worth is what the server has
// valued, moved by the price; so are the account's figures, by all rows together.

import { figure, signed } from "./figures.js";

const FLASH_MS = 700;
const worth = () => document.getElementById("worth");
const prices = new Map(); // of a symbol: the last print that was heard

const number = (text) => Number(text);
const money = (dollars) => figure(Math.round(dollars * 100) / 100);

function put(place, text, direction) {
  if (place.textContent !== text) {
    place.textContent = text;
  }
  if (direction !== undefined) {
    const name = direction > 0 ? "up" : direction < 0 ? "down" : "flat";
    if (!place.classList.contains(name)) {
      place.classList.remove("up", "down", "flat");
      place.classList.add(name);
    }
  }
}

/** Colour the ground of a cell for a moment. */
function flash(place, isUp) {
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    place.animate?.([{ backgroundColor: `var(--${isUp ? "good" : "danger"}-ground)` }, {}], FLASH_MS);
  }
}

function mark(row, last) {
  const cell = (name) => row.querySelector(`[data-mark="${name}"]`);
  const { quantity, price, value, cost, basis } = row.dataset;
  const now = number(value) + number(quantity) * (last - number(price));
  const unrealized = now - number(cost);
  const today = now - number(basis);
  put(cell("price"), figure(last));
  put(cell("value"), money(now));
  put(cell("unrealized"), signed(unrealized), unrealized);
  put(cell("fraction"), `${signed(number(cost) ? (100 * unrealized) / Math.abs(number(cost)) : 0)} %`);
  put(cell("today"), signed(today), today);
}

function watch(row, last) {
  const place = row.querySelector('[data-mark="last"]');
  put(place, figure(last));
  if (row.dataset.close) {
    const change = (100 * (last - number(row.dataset.close))) / number(row.dataset.close);
    put(row.querySelector('[data-mark="change"]'), `${signed(change)} %`, change);
  }
}

/** Show the account's worth at the prices that were heard. */
function total() {
  const place = worth();
  let moved = 0;
  for (const { dataset } of document.querySelectorAll("#positions [data-quantity]")) {
    if (prices.has(dataset.symbol)) {
      moved += number(dataset.quantity) * (prices.get(dataset.symbol) - number(dataset.price));
    }
  }
  const equity = number(place.dataset.equity) + moved;
  const before = number(place.dataset.before);
  const profit = equity - before;
  put(place.querySelector('[data-mark="equity"]'), money(equity));
  const day = place.querySelector('[data-mark="profit"]');
  const part = `${signed(before ? (100 * profit) / before : 0)} %`;
  put(day.firstChild, `${signed(profit)} `);
  put(day.querySelector(".part"), part);
  day.className = profit > 0 ? "up" : profit < 0 ? "down" : "flat";
  document.body.dispatchEvent(new CustomEvent("desk:equity", { detail: equity }));
}

function show(symbols, isNews) {
  for (const row of document.querySelectorAll("[data-symbol]")) {
    const { symbol } = row.dataset;
    if (symbols.has(symbol) && prices.has(symbol)) {
      const last = prices.get(symbol);
      const isHeld = row.dataset.quantity !== undefined;
      const place = row.querySelector(isHeld ? '[data-mark="price"]' : '[data-mark="last"]');
      const before = place.textContent;
      (isHeld ? mark : watch)(row, last);
      if (isNews && place.textContent !== before) {
        flash(place, last > Number(before.replaceAll(",", "")));
      }
    }
  }
  total();
}

document.body.addEventListener("raxx:quotes", ({ detail }) => {
  const news = new Set();
  for (const [symbol, { last }] of Object.entries(detail)) {
    if (last !== undefined && prices.get(symbol) !== number(last)) {
      prices.set(symbol, number(last));
      news.add(symbol);
    }
  }
  if (news.size) {
    requestAnimationFrame(() => show(news, true));
  }
});

// Rows that have come anew show what was heard last: the server may have read a little earlier.
document.body.addEventListener("htmx:oobAfterSwap", () => show(new Set(prices.keys()), false));
document.body.addEventListener("htmx:afterSwap", () => show(new Set(prices.keys()), false));
