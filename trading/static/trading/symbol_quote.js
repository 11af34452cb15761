// The quote in the head of a symbol's page, live. Numbers come as text and are shown as text; only the change is reckoned.

import { figure, signed } from "./figures.js";

/** Show each quote of the symbol; returns a function that has another called with each new last price. */
export function quote(list) {
  const { symbol, close } = list.dataset;
  const listeners = [];
  const known = {}; // each event tells what has changed
  const put = (name, text) => {
    const place = list.querySelector(`[data-${name}]`);
    if (place.textContent !== text) {
      place.textContent = text;
    }
    return place;
  };
  document.body.addEventListener("raxx:quotes", (event) => {
    const news = event.detail[symbol];
    if (!news) {
      return;
    }
    const now = Object.assign(known, news);
    for (const name of ["bid", "ask", "last"]) {
      if (name in news) {
        put(name, figure(now[name]));
      }
    }
    for (const side of ["bid", "ask"]) {
      if (`${side}_size` in news) {
        put(`${side}-size`, figure(now[`${side}_size`], 0));
      }
    }
    if (now.bid && now.ask) {
      put("spread", figure(Number(now.ask) - Number(now.bid)));
    }
    if (close && news.last) {
      const change = Number(now.last) - Number(close);
      const place = put("change", `${signed(change)} (${signed((100 * change) / Number(close))} %)`);
      place.className = change > 0 ? "up" : change < 0 ? "down" : "flat";
    }
    if (news.last) {
      for (const listener of listeners) {
        listener(now);
      }
    }
  });
  return (listener) => listeners.push(listener);
}
