import { codes } from "./codes.js";
import { keys } from "./keys.js";
import { passkeys } from "./passkeys.js";
import { privacy } from "./privacy.js";
import { sessions } from "./sessions.js";

passkeys(document.getElementById("passkeys"));
codes(document.getElementById("codes"));
sessions(document.getElementById("sessions"));
keys(document.getElementById("keys"));
privacy(document.getElementById("privacy"));
