// The equity of an account over a period, as the API's portfolio history has it, and what it shows in words.

/* global LightweightCharts */

import { explain } from "../accounts/ui.js";
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
let newest = null; // the last point's time
let drawn = 0; // the newest question; answers of older ones are let go

function frame() {
  return {
    layout: { background: { color: "transparent" }, textColor: colour("text-soft"), fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { vertLines: { visible: false }, horzLines: { color: colour("line") } },
    rightPriceScale: { borderVisible: false, minimumWidth: 110 },
    timeScale: { borderColor: colour("line"), fixLeftEdge: true, fixRightEdge: true },
    localization: { locale: document.documentElement.lang, priceFormatter: (value) => figure(Math.round(value * 100) / 100) },
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

function tell(all, isDay) {
  if (all.length < 2) {
    words.textContent = word("curve_none");
    return;
  }
  const values = all.map(({ value }) => value);
  words.textContent = word("curve", {
    first: clockText(all[0].time, isDay),
    last: clockText(all.at(-1).time, isDay),
    opening: figure(values[0]),
    closing: figure(values.at(-1)),
    low: figure(Math.min(...values)),
    high: figure(Math.max(...values)),
  });
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
  newest = all.at(-1)?.time ?? null;
  picture.timeScale().fitContent();
  tell(all, isDay);
}

periods.addEventListener("change", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
document.body.addEventListener("desk:equity", ({ detail }) => {
  if (newest !== null) {
    line.update({ time: newest, value: detail });
  }
});
setInterval(() => document.hidden || draw(), RENEW_MS);
paint();
draw();
