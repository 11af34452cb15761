// Parts of a page that are looked at again and again: those with `data-poll` (the part's name) and `data-every-s`.
//
// For what no stream tells. Nothing is asked while the page is hidden or offline, nor when the part says that it is
// settled (`data-settled`). An answer that says the same changes nothing; the focus stays where it was.

import { when } from "../accounts/ui.js";

const last = new WeakMap(); // of a place: the answer that it shows

/** Put a part anew; false where it could not be had. `name` is the place's own unless told. */
export async function renew(place, name = place.dataset.poll) {
  const address = new URL(location.href);
  address.hash = "";
  address.searchParams.set("part", name);
  let text;
  try {
    const answer = await fetch(address, {
      headers: { "HX-Request": "true" }, // a failure is a part too
      cache: "no-store",
      redirect: "error",
    });
    if (!answer.ok) {
      return false;
    }
    text = await answer.text();
  } catch {
    return false; // the frame says that we are offline
  }
  if (last.get(place) !== text) {
    last.set(place, text);
    put(place, text);
  }
  return true;
}

function put(place, text) {
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  const open = [...place.querySelectorAll("details")].map((one) => one.open);
  place.innerHTML = text; // our own, escaped by the server
  [...place.querySelectorAll("details")].forEach((one, at) => {
    one.open = open[at] ?? one.open;
  });
  tellTimes(place);
  if (focused) {
    document.getElementById(focused)?.focus();
  }
  place.dispatchEvent(new CustomEvent("raxx:renewed", { bubbles: true }));
}

function tellTimes(place) {
  for (const one of place.querySelectorAll("time[data-when]")) {
    one.textContent = when(one.dateTime);
  }
}

for (const place of document.querySelectorAll("[data-poll]")) {
  const look = () => {
    if (!document.hidden && navigator.onLine && !place.querySelector("[data-settled]")) {
      renew(place);
    }
  };
  setInterval(look, Number(place.dataset.everyS) * 1000);
  document.addEventListener("visibilitychange", look);
}
