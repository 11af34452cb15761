// The request behind the ticket, as Python, for a shell, or as JSON: what the server made of the order on the page.
// Of the last one: what was placed stays to be read and copied, although the ticket is empty again.

import { copy } from "../accounts/ui.js";

/** Returns a function that shows the request of the estimate on the page. */
export function requestView(estimate) {
  const code = document.getElementById("request-code");
  const kinds = document.getElementById("request-kinds");
  const notice = document.getElementById("copy-notice");

  let texts = {}; // of the last request, by kind

  function show() {
    const told = [...estimate.querySelectorAll("[data-kind]")].map((one) => [one.dataset.kind, one.textContent]);
    if (told.length) {
      texts = Object.fromEntries(told);
    }
    code.textContent = texts[kinds.querySelector("input:checked").value] ?? "–";
  }

  kinds.addEventListener("change", show);
  document.getElementById("copy-request").addEventListener("click", () => copy(code.textContent, notice));
  return show;
}
