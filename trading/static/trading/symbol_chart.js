// Candles with volume, the newest one live; the account's open orders as lines, its fills as marks; and all of it in
// words and as a table beside it.

import { word } from "../accounts/words.js";
import { ask } from "./account_api.js";
import { drawn } from "./chart_drawing.js";
import { figure } from "./figures.js";
import { clockText, newYorkSeconds } from "./market_time.js";

const DAY_MS = 86_400_000;
// Seconds of a bar, and how far back they are asked for: over a weekend even of minutes.
const FRAMES = {
  "1Min": { seconds: 60, back: 4 * DAY_MS },
  "5Min": { seconds: 300, back: 7 * DAY_MS },
  "15Min": { seconds: 900, back: 14 * DAY_MS },
  "1Hour": { seconds: 3600, back: 29 * DAY_MS },
  "1Day": { seconds: 86_400, back: 400 * DAY_MS },
};
const BARS = 400;
const TABLE = 20;
const REFRESH_MS = 5_000; // not oftener: a market that is played fast closes many bars a second

export function chart(place, follow) {
  const { symbol } = place.dataset;
  const say = document.getElementById("chart-say");
  const summary = document.getElementById("chart-summary");
  const table = document.getElementById("bars");
  const frames = document.getElementById("frames");
  const picture = drawn(place);
  let marketMs = Date.parse(place.dataset.now);
  let bars = [];
  let asked = 0; // the newest question; the answers of older ones are let go
  let refreshed = 0;

  const frame = () => frames.querySelector("input:checked").value;
  const isDay = () => frame() === "1Day";
  const barStart = (seconds) => seconds - (seconds % FRAMES[frame()].seconds);

  async function load() {
    const question = ++asked;
    const query = new URLSearchParams({
      timeframe: frame(),
      start: new Date(marketMs - FRAMES[frame()].back).toISOString(),
      limit: BARS,
      sort: "desc",
    });
    try {
      const answer = await ask("GET", `/v2/stocks/${encodeURIComponent(symbol)}/bars?${query}`);
      if (question !== asked) {
        return;
      }
      bars = (answer.bars ?? []).reverse().map((bar) => ({
        time: isDay() ? barStart(newYorkSeconds(Date.parse(bar.t))) : newYorkSeconds(Date.parse(bar.t)),
        open: bar.o,
        high: bar.h,
        low: bar.l,
        close: bar.c,
        volume: bar.v,
      }));
      say.textContent = bars.length ? "" : word("chart_empty");
    } catch {
      if (question === asked) {
        say.textContent = word("chart_failed"); // the next bar, or another length, asks again
      }
      return;
    }
    picture.show(bars, !isDay());
    own();
    tell();
  }

  function tell() {
    if (!bars.length) {
      summary.textContent = "";
      table.replaceChildren();
      return;
    }
    summary.textContent = word("chart_summary", {
      count: bars.length,
      frame: frame(),
      first: clockText(bars[0].time, isDay()),
      last: clockText(bars.at(-1).time, isDay()),
      low: figure(Math.min(...bars.map((bar) => bar.low))),
      high: figure(Math.max(...bars.map((bar) => bar.high))),
      close: figure(bars.at(-1).close),
    });
    table.replaceChildren(
      ...bars.slice(-TABLE).reverse().map((bar) => {
        const row = document.createElement("tr");
        const cells = [clockText(bar.time, isDay()), ...["open", "high", "low", "close"].map((name) => figure(bar[name])), figure(bar.volume, 0)];
        cells.forEach((text, place) => {
          const cell = row.insertCell();
          cell.textContent = text;
          cell.classList.toggle("number", place > 0);
        });
        return row;
      }),
    );
  }

  function own() {
    const orders = [...document.querySelectorAll("#holding [data-order]")].flatMap(({ dataset }) =>
      [
        ["limit", dataset.limit],
        ["stop", dataset.stop],
      ]
        .filter(([, price]) => price)
        .map(([kind, price]) => ({
          price: Number(price),
          side: dataset.side,
          isStop: kind === "stop",
          title: `${word(`line_${dataset.side}`, { quantity: dataset.quantity })}${kind === "stop" ? ` ${word("line_stop")}` : ""}`,
        })),
    );
    const fills = [...document.querySelectorAll("#holding [data-fill]")].map(({ dataset }) => ({
      time: barStart(newYorkSeconds(Date.parse(dataset.at))),
      side: dataset.side,
      text: word(`marker_${dataset.side}`, { quantity: dataset.quantity }),
    }));
    picture.own(orders, fills);
  }

  follow(({ last, at }) => {
    if (!last || !at) {
      return;
    }
    const ms = Date.parse(at);
    marketMs = Math.max(marketMs, ms);
    const time = barStart(newYorkSeconds(ms));
    const newest = bars.at(-1);
    const price = Number(last);
    if (newest && time < newest.time) {
      return;
    }
    if (newest && time === newest.time) {
      Object.assign(newest, { high: Math.max(newest.high, price), low: Math.min(newest.low, price), close: price });
    } else {
      bars.push({ time, open: price, high: price, low: price, close: price, volume: 0 });
      say.textContent = "";
      if (newest && Date.now() - refreshed > REFRESH_MS) {
        refreshed = Date.now();
        load(); // what is over has a volume now
      }
    }
    picture.update(bars.at(-1));
  });

  frames.addEventListener("change", load);
  document.getElementById("holding").addEventListener("htmx:afterSwap", own);
  document.body.addEventListener("raxx:link", (event) => {
    if (event.detail === "live" || event.detail?.state === "live") {
      load(); // what was missed while it was lost
    }
  });
  load();
}
