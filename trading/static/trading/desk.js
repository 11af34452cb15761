// On every page about a paper account: instants in the reader's zone, and the choice of account closes by itself.

const zone = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });

/** Put the reader's own time beside New York's, for all within `root`. */
export function localize(root) {
  for (const place of root.querySelectorAll("time[data-market]:not([data-local])")) {
    place.dataset.local = zone.format(new Date(place.dateTime));
    place.title = place.dataset.local;
  }
}

localize(document);
document.addEventListener("htmx:load", (event) => localize(event.detail.elt));

// Whose session has ended is sent to the log-in: that is a page, and no part of this one.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (new URL(event.detail.xhr.responseURL).pathname !== location.pathname) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

const choice = document.getElementById("account-choice");
document.addEventListener("click", (event) => {
  if (choice?.open && !choice.contains(event.target)) {
    choice.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && choice?.open) {
    choice.open = false;
    choice.querySelector("summary").focus();
  }
});
