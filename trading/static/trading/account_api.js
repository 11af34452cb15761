// The API of the account that the page is about.

import { call } from "../accounts/http.js";

/** Send a request for this page's account; throws as `call` does. */
export function ask(method, path, body, options = {}) {
  const headers = { "Raxx-Account-Id": document.body.dataset.account };
  return call(method, path, body, { ...options, headers });
}
