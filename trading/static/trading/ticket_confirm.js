// The confirmation: the order in words, its one name, and the sending. However often it is sent, it is one order.

import { Refused, Unreachable } from "../accounts/http.js";
import { explain, say } from "../accounts/ui.js";
import { word } from "../accounts/words.js";
import { ask } from "./account_api.js";
import { placedOrder } from "./ticket_placed.js";

const ORDERS = "/v2/orders";

/** Returns a function that asks about an order; `refused` gets the words of a refusal, and its figures; `done` is called. */
export function confirmation(form, { refused, done }) {
  const dialog = document.getElementById("confirm");
  const notice = document.getElementById("confirm-notice");
  const place = document.getElementById("place");
  const showPlaced = placedOrder(form.dataset.orders);
  let order = null; // what is asked about, under its name
  let next = null; // what is done when the dialog has closed, which is told later
  let isUnsure = false; // an answer was lost: the order may be there already

  function leave(then) {
    next = then;
    dialog.close();
  }

  async function send() {
    try {
      return await ask("POST", ORDERS, order);
    } catch (error) {
      if (isUnsure && error instanceof Refused && /client_order_id must be unique/.test(error.message)) {
        const name = encodeURIComponent(order.client_order_id);
        return { ...(await ask("GET", `${ORDERS}:by_client_order_id?client_order_id=${name}`)), wasThere: true };
      }
      throw error;
    }
  }

  async function placeIt() {
    if (place.disabled) {
      return; // the second of two clicks
    }
    place.disabled = true;
    say(notice, word("placing"));
    try {
      const placed = await send();
      leave(() => {
        done();
        showPlaced(placed);
      });
    } catch (error) {
      failed(error);
    } finally {
      place.disabled = false;
      if (dialog.open) {
        place.focus();
      }
    }
  }

  function failed(error) {
    const isLost = error instanceof Unreachable || (error instanceof Refused && error.status >= 500);
    isUnsure ||= isLost;
    if (isLost) {
      say(notice, word("again_is_safe"), "warn");
    } else if (error instanceof Refused && [403, 422, 400].includes(error.status)) {
      leave(() => refused(error.message, error.body));
    } else {
      explain(notice, error);
    }
  }

  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    placeIt();
  });
  dialog.addEventListener("cancel", (event) => {
    if (place.disabled) {
      event.preventDefault(); // it is on its way: what became of it is to be seen
    }
  });
  document.getElementById("back").addEventListener("click", () => {
    if (!place.disabled) {
      dialog.close();
    }
  });
  dialog.addEventListener("close", () => {
    const then = next ?? (() => document.getElementById("review").focus());
    next = null;
    then();
  });

  return (body, estimate) => {
    order = { ...body, client_order_id: body.client_order_id ?? newName() };
    isUnsure = false;
    document.getElementById("confirm-name").textContent = order.client_order_id;
    const lines = [...(estimate?.querySelectorAll("[data-summary] li") ?? [])];
    document.getElementById("confirm-summary").replaceChildren(...lines.map((line) => line.cloneNode(true)));
    const sums = estimate?.querySelector(".sums")?.cloneNode(true);
    document.getElementById("confirm-sums").replaceChildren(...(sums ? [sums] : []));
    say(notice, estimate ? "" : word("no_estimate"), estimate ? "" : "warn");
    const warning = estimate?.firstElementChild.dataset.refused;
    if (warning) {
      say(notice, warning, "warn");
    }
    dialog.showModal();
    place.focus();
  };
}

/** Return a name that nobody has used: 128 random bits. */
function newName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
