// The quote in the head of a symbol's page, live. Numbers come as text and are shown as text; only the change is reckoned.

import { figure, signed } from "./figures.js";

/** Show each quote of the symbol; returns a function that calls another for each of them. */
export function quote(list) {
  const { symbol, close } = list.dataset;
  const listeners = [];
  const put = (name, text) => {
    const place = list.querySelector(`[data-${name}]`);
    if (place.textContent !== text) {
      place.textContent = text;
    }
    return place;
  };
  document.body.addEventListener("raxx:quotes", (event) => {
    const now = event.detail[symbol];
    if (!now) {
      return;
    }
    put("bid", figure(now.bid));
    put("ask", figure(now.ask));
    put("bid-size", figure(now.bid_size, 0));
    put("ask-size", figure(now.ask_size, 0));
    put("last", figure(now.last));
    put("spread", now.bid && now.ask ? figure(Number(now.ask) - Number(now.bid)) : "–");
    if (close && now.last) {
      const change = Number(now.last) - Number(close);
      const place = put("change", `${signed(change)} (${signed((100 * change) / Number(close))} %)`);
      place.className = change > 0 ? "up" : change < 0 ? "down" : "flat";
    }
    for (const listener of listeners) {
      listener(now);
    }
  });
  return (listener) => listeners.push(listener);
}
