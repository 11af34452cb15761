// The page of a symbol: each part by its own module.

import { chart } from "./symbol_chart.js";
import { quote } from "./symbol_quote.js";
import { watchButton } from "./symbol_watch.js";
import { ticket } from "./ticket.js";
import { workingOrders } from "./working_orders.js";

const follow = quote(document.getElementById("quote"));
chart(document.getElementById("chart"), follow);
watchButton(document.getElementById("watch"), document.getElementById("unwatch"));
ticket(document.getElementById("ticket"));
workingOrders(document.getElementById("holding"));
