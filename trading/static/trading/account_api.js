// The API of one account: the one that the page is about, or another that it names.

import { call } from "../accounts/http.js";

/** Send a request for this page's account, or for `account`; throws as `call` does. */
export function ask(method, path, body, { account = document.body.dataset.account, ...options } = {}) {
  return call(method, path, body, { ...options, headers: { "Raxx-Account-Id": account } });
}
