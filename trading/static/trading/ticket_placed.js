// What became of the order that was placed last: a link, and how it stands, live.

import { word } from "../accounts/words.js";
import { ask } from "./account_api.js";
import { figure } from "./figures.js";

const KNOWN = new Set([
  "pending_new", "accepted", "new", "held", "partially_filled", "filled", "pending_cancel", "pending_replace",
  "canceled", "expired", "rejected", "replaced", "done_for_day",
]);
const OVER = new Set(["filled", "canceled", "expired", "rejected", "replaced"]);

/** Returns a function that shows an order (as the API tells it) and follows it. */
export function placedOrder(ordersPath) {
  const place = document.getElementById("placed");
  const status = place.querySelector("[data-status]");
  const note = place.querySelector("[data-note]");
  let shown = null;

  function tell(order) {
    const name = KNOWN.has(order.status) ? `status_${order.status}` : "status_other";
    status.textContent = word(name, {
      status: order.status,
      filled: figure(order.filled_qty, 0),
      quantity: figure(order.qty, 0),
      price: figure(order.filled_avg_price),
    });
    status.dataset.status = order.status;
  }

  document.body.addEventListener("raxx:order", (event) => {
    if (shown && event.detail.order?.id === shown) {
      tell(event.detail.order);
    }
  });

  document.body.addEventListener("raxx:orders", async () => {
    const wanted = shown;
    if (!wanted || OVER.has(status.dataset.status)) {
      return;
    }
    try {
      const order = await ask("GET", `/v2/orders/${wanted}`);
      if (shown === wanted && !OVER.has(status.dataset.status)) {
        tell(order);
      }
    } catch {
      // what it was stays; the next change asks again
    }
  });

  return (order) => {
    shown = order.id;
    place.querySelector("a").href = `${ordersPath}/${order.id}`;
    note.textContent = order.wasThere ? word("was_there") : "";
    tell(order);
    place.hidden = false;
    place.focus();
    document.body.dispatchEvent(new CustomEvent("raxx:orders")); // also where no stream tells of it
  };
}
