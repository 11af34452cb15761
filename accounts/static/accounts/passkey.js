// The browser's two passkey ceremonies, from options as the server writes them to an answer that it reads.
// Where a browser has no JSON of its own for these (Safari before 18, Firefox before 119) ours stands in.

/** No passkey was made or shown: `reason` names the text that says why. */
export class NotShown extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

const REASONS = {
  NotAllowedError: "not_shown", // dismissed, timed out, or no passkey that fits: browsers do not say which
  AbortError: "not_shown",
  InvalidStateError: "already_here",
  SecurityError: "wrong_place",
  NotSupportedError: "unsupported",
  ConstraintError: "unsupported",
};

/** Make a passkey; return what `complete` wants. Throws NotShown. */
export async function create(options) {
  return answer("create", { publicKey: creationOptions(options) });
}

/** Show a passkey; `more` holds `mediation` and `signal`. Throws NotShown. */
export async function get(options, more = {}) {
  return answer("get", { publicKey: requestOptions(options), ...more });
}

/** Say whether the browser offers passkeys in a field, before anybody asks for one. */
export async function canOffer() {
  const ask = globalThis.PublicKeyCredential?.isConditionalMediationAvailable;
  return ask ? Boolean(await ask.call(PublicKeyCredential)) : false;
}

async function answer(ceremony, options) {
  if (!globalThis.PublicKeyCredential) {
    throw new NotShown(globalThis.isSecureContext ? "unsupported" : "insecure");
  }
  let credential;
  try {
    credential = await navigator.credentials[ceremony](options);
  } catch (error) {
    if (error?.name in REASONS) {
      throw new NotShown(REASONS[error.name]);
    }
    throw error;
  }
  if (credential === null) {
    throw new NotShown("not_shown");
  }
  return asJSON(credential);
}

function creationOptions(options) {
  if (PublicKeyCredential.parseCreationOptionsFromJSON) {
    return PublicKeyCredential.parseCreationOptionsFromJSON(options);
  }
  return {
    ...options,
    challenge: fromBase64url(options.challenge),
    user: { ...options.user, id: fromBase64url(options.user.id) },
    excludeCredentials: descriptors(options.excludeCredentials),
  };
}

function requestOptions(options) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON) {
    return PublicKeyCredential.parseRequestOptionsFromJSON(options);
  }
  return {
    ...options,
    challenge: fromBase64url(options.challenge),
    allowCredentials: descriptors(options.allowCredentials),
  };
}

function descriptors(list) {
  return (list ?? []).map((one) => ({ ...one, id: fromBase64url(one.id) }));
}

function asJSON(credential) {
  if (credential.toJSON) {
    try {
      return credential.toJSON();
    } catch {
      // Some password managers put an object of their own in its place, whose method refuses.
    }
  }
  const given = credential.response;
  const response = { clientDataJSON: toBase64url(given.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (given[name]) {
      response[name] = toBase64url(given[name]);
    }
  }
  if (given.getTransports) {
    response.transports = given.getTransports();
  }
  return {
    id: credential.id,
    rawId: toBase64url(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

export function toBase64url(buffer) {
  const letters = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function fromBase64url(text) {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0)).buffer;
}
