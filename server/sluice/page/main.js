// Puts the page together.

import { Chat } from "./chat.js";
import { by, say, show } from "./dom.js";
import { watch } from "./feed.js";
import { History } from "./history.js";
import { keep, keyOf } from "./keys.js";
import { flow, shares, totals } from "./numbers.js";
import { Phase } from "./phase.js";
import { Plots } from "./plots.js";
import { Seats } from "./seats.js";

const history = new History();
const phase = new Phase();
const plots = new Plots(history);
const seats = new Seats();
const chat = new Chat();

watch({
  history: (told) => history.take(told),
  status(status) {
    show(by("gate"), false);
    const isNew = history.push(status.latest);
    phase.show(status);
    seats.show(status);
    flow(status, history);
    shares(status);
    totals(status);
    chat.serve(status);
    if (isNew || !plots.isShown) plots.show();
  },
  away() {
    phase.away();
    chat.serve({ phase: "away", model: { names: phase.was?.model.names ?? [] } });
  },
  // Until somebody has typed another key.
  async locked(why) {
    phase.enter("locked", "Key needed");
    phase.note("locked", "");
    say(by("gate-why"), keyOf("operator") ? why : "This server’s figures are for its operators.");
    show(by("gate"), true);
    by("gate-key").value = "";
    by("gate-key").focus();
    await new Promise((done) => by("gate").addEventListener("submit", (event) => (event.preventDefault(), done()), { once: true }));
    keep("operator", by("gate-key").value.trim());
    by("gate-key").value = "";
  },
});
