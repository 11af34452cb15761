import { codes } from "./codes.js";
import { adding } from "./passkeys.js";

adding(document.getElementById("another"));
codes(document.getElementById("codes"));
