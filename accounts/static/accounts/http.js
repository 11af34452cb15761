// Requests to our own server: JSON in and out, the CSRF token, the project's error body, and the step-up.

import * as passkey from "./passkey.js";

/** The server has refused: `body` is its error body, `status` and `retryAfter` (seconds) its headers'. */
export class Refused extends Error {
  constructor(status, body, retryAfter) {
    super(body.message ?? `status ${status}`);
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
  }

  get asksForPasskey() {
    return this.status === 401 && this.body.error === "step_up_required";
  }

  get isSignedOut() {
    return this.status === 401 && !this.asksForPasskey;
  }
}

/** No answer came. What was sent may have arrived. */
export class Unreachable extends Error {}

const READING = ["GET", "HEAD"];

/**
 * Send a request and return the body of its answer, null for none.
 *
 * Where the server wants the passkey again, it is asked for and the request is sent once more: `onStepUp` is
 * called before. `headers` are sent beside our own (`Raxx-Account-Id` says which account is meant). Throws
 * Refused, Unreachable, and passkey.NotShown.
 */
export async function call(method, path, body, { onStepUp, headers = {} } = {}) {
  try {
    return await send(method, path, body, headers);
  } catch (error) {
    if (!(error instanceof Refused && error.asksForPasskey)) {
      throw error;
    }
    onStepUp?.();
    await stepUp(error.body);
    return send(method, path, body, headers); // a second refusal is the caller's to hear
  }
}

async function send(method, path, body, extra = {}) {
  const headers = { ...extra, Accept: "application/json" };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
  }
  if (!READING.includes(method)) {
    headers["X-CSRFToken"] = csrfToken();
  }
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error", // no path of ours redirects a script
    });
  } catch {
    throw new Unreachable();
  }
  const content = await contentOf(answer);
  if (!answer.ok) {
    throw new Refused(answer.status, content ?? {}, Number(answer.headers.get("Retry-After")) || null);
  }
  return content;
}

async function contentOf(answer) {
  if (!answer.headers.get("Content-Type")?.startsWith("application/json")) {
    return null;
  }
  try {
    return await answer.json();
  } catch {
    throw new Unreachable(); // it was cut off
  }
}

let ceremony = null;

/** Show the passkey for what `asked` describes. Several requests that ask at once share one ceremony. */
export async function stepUp(asked) {
  if (asked.digest) {
    return show(asked); // bound to one thing: shared with nothing
  }
  ceremony ??= show(asked).finally(() => {
    ceremony = null;
  });
  return ceremony;
}

async function show({ begin, complete, digest }) {
  const options = await send("POST", begin, digest ? { digest } : {});
  return send("POST", complete, { credential: await passkey.get(options) });
}

function csrfToken() {
  // Read anew for each request: a log-in in another tab changes it.
  const name = document.querySelector("meta[name=raxx-csrf-cookie]").content;
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? found.slice(name.length + 1) : "";
}
