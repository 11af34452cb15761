// On every page: the log-out, the state of the connection, and instants in the reader's zone.

import { call, Refused } from "./http.js";
import { when } from "./ui.js";

const offline = document.getElementById("offline");
const show = () => {
  offline.hidden = navigator.onLine;
};
addEventListener("online", show);
addEventListener("offline", show);
show();

for (const place of document.querySelectorAll("time[data-when]")) {
  place.textContent = when(place.dateTime);
}

const logOut = document.getElementById("log-out");
logOut?.addEventListener("click", async () => {
  logOut.disabled = true;
  try {
    await call("POST", "/auth/log-out", {});
  } catch (error) {
    if (!(error instanceof Refused && error.isSignedOut)) {
      logOut.disabled = false; // still in: the button must not say otherwise
      offline.hidden = false;
      return;
    }
  }
  location.assign("/log-in");
});
