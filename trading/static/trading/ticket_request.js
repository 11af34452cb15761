// The request behind the ticket, as Python, for a shell, or as JSON: what the server made of the order on the page.

import { copy } from "../accounts/ui.js";

/** Returns a function that shows the request of the estimate on the page. */
export function requestView(estimate) {
  const code = document.getElementById("request-code");
  const kinds = document.getElementById("request-kinds");
  const notice = document.getElementById("copy-notice");

  function show() {
    const kind = kinds.querySelector("input:checked").value;
    code.textContent = estimate.querySelector(`[data-kind="${kind}"]`)?.textContent ?? "–";
  }

  kinds.addEventListener("change", show);
  document.getElementById("copy-request").addEventListener("click", () => copy(code.textContent, notice));
  return show;
}
