// The budget of requests, kept up to date while somebody looks. To look takes nothing from it.

import "./polled.js";

const budget = document.getElementById("budget");
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" });

function showTimes() {
  for (const place of budget.querySelectorAll("time[data-clock-s]")) {
    const at = new Date(Number(place.dataset.clockS) * 1000);
    place.dateTime = at.toISOString();
    place.textContent = clock.format(at);
  }
}

showTimes();
budget.addEventListener("raxx:renewed", showTimes);
