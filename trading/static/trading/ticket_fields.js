// Which fields a ticket shows, and the body of POST /v2/orders that they make. What may go with what is the API's to say.

const PRICES = { limit: ["limit_price"], stop: ["stop_price"], stop_limit: ["stop_price", "limit_price"], trailing_stop: ["trail"], market: [] };

/** Return the value of a field by its name, without blanks. */
export function valueOf(form, name) {
  return (form.elements[name]?.value ?? "").trim();
}

/** Return the names of the fields that the ticket needs as it stands; a question mark ends those that may be empty. */
export function needed(form) {
  const [type, kind] = [valueOf(form, "type"), valueOf(form, "order_class")];
  const prices = kind === "oco" ? [] : PRICES[type];
  return [valueOf(form, "unit"), ...prices, ...exits(form, kind)];
}

function exits(form, kind) {
  const stop = ["sl_stop", "sl_limit?"];
  if (kind === "bracket" || kind === "oco") {
    return ["tp_limit", ...stop];
  }
  if (kind === "oto") {
    return valueOf(form, "exit") === "stop_loss" ? stop : ["tp_limit"];
  }
  return [];
}

/** Show what the ticket needs and hide the rest; the helps say what is chosen. */
export function arrange(form) {
  const kind = valueOf(form, "order_class");
  if (kind === "oco") {
    form.elements.type.value = "limit"; // its first order is the take-profit: a limit order
  }
  const names = new Set(needed(form).map((name) => name.replace("?", "")));
  const isBare = kind !== "oco" && PRICES[valueOf(form, "type")].length === 0;
  for (const place of form.querySelectorAll("[data-for]")) {
    const name = place.dataset.for;
    place.hidden = name === "none" ? !isBare : name === "exit" ? kind !== "oto" : !names.has(name);
  }
  form.querySelector(".prices").hidden = kind === "oco"; // its prices are those of its exits
  form.querySelector(".prices").classList.toggle("one", needed(form).filter((name) => /_price$/.test(name)).length === 1);
  form.querySelector("#exits").hidden = kind === "simple";
  for (const name of ["qty", "notional"]) {
    form.elements[name].hidden = !names.has(name);
  }
  for (const select of form.querySelectorAll("select")) {
    form.querySelector(`#${select.name}-help`).textContent = select.selectedOptions[0].dataset.help;
  }
}

/** Take out of the ticket what was of one order alone: how much, and its name. What kind of order it is stays. */
export function begin(form) {
  for (const name of ["qty", "notional", "client_order_id"]) {
    form.elements[name].value = "";
  }
}

/** Return the body that the ticket makes. Empty fields are left out; numbers stay the text that was typed. */
export function bodyOf(form) {
  const of = (name) => valueOf(form, name) || undefined;
  const has = new Set(needed(form).map((name) => name.replace("?", "")));
  const given = (name) => (has.has(name) ? of(name) : undefined);
  const kind = valueOf(form, "order_class");
  const body = {
    symbol: form.dataset.symbol,
    qty: given("qty"),
    notional: given("notional"),
    side: of("side"),
    type: of("type"),
    time_in_force: of("time_in_force"),
    limit_price: given("limit_price"),
    stop_price: given("stop_price"),
    [of("trail_unit")]: given("trail"),
    extended_hours: form.elements.extended_hours.checked || undefined,
    client_order_id: of("client_order_id"),
    order_class: kind === "simple" ? undefined : kind,
    take_profit: given("tp_limit") && { limit_price: given("tp_limit") },
    stop_loss: given("sl_stop") && { stop_price: given("sl_stop"), limit_price: given("sl_limit") },
  };
  return JSON.parse(JSON.stringify(body)); // without what is not given
}
