// The equity of an account over a period, as the API's portfolio history has it, and what it shows in words.

/* global LightweightCharts */

import { explain, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask } from "./account_api.js";
import { figure } from "./figures.js";
import { clockText, newYorkSeconds } from "./market_time.js";

const RENEW_MS = 5 * 60_000;

const place = document.getElementById("curve");
const words = document.getElementById("curve-words");
const periods = document.getElementById("periods");
const style = () => getComputedStyle(document.documentElement);
const colour = (name) => style().getPropertyValue(`--${name}`).trim();
const money = (dollars) => figure(Math.round(dollars * 100) / 100);
let shown = { all: [], isDay: false, isTold: true }; // what is drawn; the words may be of what went wrong since
let drawn = 0; // the newest question; answers of older ones are let go

function frame() {
  return {
    layout: { background: { color: "transparent" }, textColor: colour("text-soft"), fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { vertLines: { visible: false }, horzLines: { color: colour("line") } },
    rightPriceScale: { borderVisible: false, minimumWidth: 110 },
    timeScale: { borderColor: colour("line"), fixLeftEdge: true, fixRightEdge: true },
    localization: { locale: document.documentElement.lang, priceFormatter: money },
  };
}

const picture = LightweightCharts.createChart(place, { ...frame(), autoSize: true, handleScroll: false, handleScale: false });
const line = picture.addAreaSeries({ lineWidth: 2, priceLineVisible: false });
const paint = () => {
  picture.applyOptions(frame());
  line.applyOptions({ lineColor: colour("accent"), topColor: `${colour("accent")}44`, bottomColor: `${colour("accent")}05` });
};

function points({ timestamp, equity }) {
  const all = timestamp.map((at, index) => ({ time: newYorkSeconds(at * 1000), value: equity[index] }));
  return all.slice(Math.max(0, all.findIndex(({ value }) => value !== 0))); // before its first deposit there was nothing
}

/** Return what is drawn in words; of one point there is a line, too. */
function told({ all, isDay }) {
  if (!all.length) {
    return word("curve_none");
  }
  const values = all.map(({ value }) => value);
  const figures = {
    first: clockText(all[0].time, isDay),
    last: clockText(all.at(-1).time, isDay),
    opening: money(values[0]),
    closing: money(values.at(-1)),
    low: money(Math.min(...values)),
    high: money(Math.max(...values)),
  };
  return word(all.length === 1 ? "curve_begins" : "curve", figures);
}

async function draw() {
  const question = ++drawn;
  const { value: period, dataset } = periods.querySelector("input:checked");
  const query = new URLSearchParams({ period, timeframe: dataset.timeframe });
  let history;
  try {
    history = await ask("GET", `/v2/account/portfolio/history?${query}`);
  } catch (error) {
    if (question === drawn) {
      shown.isTold = false;
      explain(words, error);
    }
    return;
  }
  if (question !== drawn) {
    return;
  }
  const isDay = history.timeframe === "1D";
  const all = points(history);
  picture.applyOptions({ timeScale: { timeVisible: !isDay, secondsVisible: false } });
  line.setData(all);
  picture.timeScale().fitContent();
  shown = { all, isDay, isTold: true };
  say(words, told(shown)); // what went wrong before is over with it
}

periods.addEventListener("change", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
document.body.addEventListener("desk:equity", ({ detail }) => {
  const newest = shown.all.at(-1);
  if (newest) {
    newest.value = detail;
    line.update({ ...newest });
  }
  if (newest && shown.isTold) {
    words.setAttribute("aria-live", "off"); // they follow the line, and are read out with each drawing alone
    words.textContent = told(shown);
  }
});
setInterval(() => document.hidden || draw(), RENEW_MS);
paint();
draw();
