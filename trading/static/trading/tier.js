// The budget of requests, kept up to date while somebody looks. To look takes nothing from it.

const budget = document.getElementById("budget");
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" });

function showTimes() {
  for (const place of budget.querySelectorAll("time[data-clock-s]")) {
    const at = new Date(Number(place.dataset.clockS) * 1000);
    place.dateTime = at.toISOString();
    place.textContent = clock.format(at);
  }
}

async function look() {
  if (document.hidden || !navigator.onLine) {
    return;
  }
  try {
    const answer = await fetch("?part=budget", {
      headers: { "HX-Request": "true" }, // a failure is a part too
      cache: "no-store",
      redirect: "error",
    });
    if (answer.ok) {
      budget.innerHTML = await answer.text(); // our own, escaped by the server
      showTimes();
    }
  } catch {
    // The frame says that we are offline; the next look tries again.
  }
}

showTimes();
setInterval(look, Number(budget.dataset.everyS) * 1000);
document.addEventListener("visibilitychange", look);
