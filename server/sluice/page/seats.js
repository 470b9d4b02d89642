// The seats as a picture: the door on the left, those that wait for the gate behind it, and beyond the gate the batch.

import { draw, by, say } from "./dom.js";
import { count } from "./format.js";

const LARGEST = 34; // pixels that a seat takes
const SMALLEST = 6;
const WIDEST = 2.6; // times as wide as high
const TALL = 136; // for all rows
const MOST_CELLS = 900;
const LINE = 26; // what a limit's line takes, in pixels
const HEAD = 20; // above the seats, for the limits' names

export class Seats {
  constructor() {
    this.box = by("seats");
    this.svg = draw("svg", { "aria-hidden": "true", focusable: "false" });
    this.box.append(this.svg);
    this.shape = "";
    new ResizeObserver(() => this.status && this.show(this.status)).observe(this.box);
  }

  show(status) {
    this.status = status;
    if (!this.box.clientWidth) return; // it is not shown yet
    const kinds = seated(status);
    const largest = Math.max(kinds.behind.length, 1) + Math.max(kinds.batch.length, 1);
    const each = Math.max(1, Math.ceil(largest / MOST_CELLS));
    const behind = thinned(kinds.behind, each);
    const batch = thinned(kinds.batch, each);
    this.lay(behind.length, batch.length, status);
    this.color(this.behind, behind);
    this.color(this.batch, batch);
    const isFull = status.max_concurrency !== null && status.admitted >= status.max_concurrency;
    this.door.setAttribute("class", `limit${isFull ? " full" : ""}${status.max_concurrency === null ? " open" : ""}`);
    say(by("scale"), each > 1 ? `a square is ${each} seats` : "");
    this.box.setAttribute("aria-label", described(status));
  }

  // Places and lines; only if their number or the room for them has changed.
  lay(behind, batch, { concurrency, max_concurrency: most }) {
    const width = this.box.clientWidth;
    const shape = [width, behind, batch, concurrency, most].join();
    if (shape === this.shape) return;
    this.shape = shape;
    const size = fit(width, behind, batch);
    const space = Math.ceil(behind / size.rows) * size.wide;
    const gate = space + 1.5 * LINE;
    const bottom = HEAD + size.rows * size.high + 4;
    this.behind = cells(behind, size, (column) => gate - LINE / 2 - (column + 1) * size.wide);
    this.batch = cells(batch, size, (column) => gate + LINE / 2 + column * size.wide);
    this.door = line(1.5, bottom);
    const inner = line(gate, bottom);
    inner.setAttribute("class", "limit");
    this.svg.replaceChildren(
      ...this.behind, ...this.batch, this.door, inner,
      label(0, "max_concurrency", most === null ? "no limit" : count(most), "start"),
      label(gate, "concurrency", concurrency === null ? "–" : count(concurrency), anchor(gate, width)),
    );
    this.svg.setAttribute("viewBox", `0 0 ${width} ${bottom + 2}`);
    this.svg.setAttribute("height", bottom + 2);
  }

  color(places, kinds) {
    places.forEach((place, index) => {
      const kind = kinds[index] ?? "free";
      if (place.getAttribute("class") !== kind) place.setAttribute("class", kind);
    });
  }
}

// Who sits where: behind the door from the gate on, those that arrive or leave last; in the batch from the gate on.
function seated(status) {
  const { admitted, running, concurrency, max_concurrency: most, waiting_by: waits, paused_by: paused } = status;
  const batchSize = Math.max(concurrency ?? running, running);
  const passing = Math.max(0, admitted - running - status.waiting);
  const line = [
    ...Array(paused.interactive + paused.batch).fill("paused"),
    ...Array(waits.interactive - paused.interactive).fill("interactive"),
    ...Array(waits.batch - paused.batch).fill("batch"),
    ...Array(passing).fill("passing"),
  ];
  const free = most === null ? 0 : Math.max(0, most - Math.max(batchSize, running) - line.length);
  return {
    behind: [...line, ...Array(free).fill("free")],
    batch: [...Array(running).fill("run"), ...Array(batchSize - running).fill("free")],
  };
}

const thinned = (kinds, each) => (each === 1 ? kinds : kinds.filter((_, index) => index % each === 0));

// How many rows, and what a seat takes: the largest with which all have room and few places stay empty.
function fit(width, behind, batch) {
  const room = width - 2 * LINE;
  let best = null;
  for (let rows = 1; rows <= TALL / SMALLEST; rows += 1) {
    const high = Math.min(LARGEST, Math.floor(TALL / rows));
    const columns = Math.ceil(behind / rows) + Math.ceil(batch / rows);
    const wide = Math.min(room / columns, WIDEST * high);
    const filled = (behind + batch) / (columns * rows);
    const score = Math.min(high, wide) * filled ** 3;
    if (!best || score > best.score) best = { rows, high, wide, score };
  }
  return best;
}

function cells(number, { rows, high, wide }, x) {
  const gap = Math.max(1.5, Math.min(high, wide) / 6);
  return Array.from({ length: number }, (_, index) =>
    draw("rect", {
      x: x(Math.floor(index / rows)) + gap / 2, y: HEAD + 3 + (index % rows) * high,
      width: wide - gap, height: high - gap, rx: Math.min(3, high / 5),
    }),
  );
}

const line = (x, bottom) => draw("line", { x1: x, x2: x, y1: HEAD - 2, y2: bottom });

function label(x, name, value, anchor) {
  return draw("text", { x, y: 12, "text-anchor": anchor }, `${name} `, draw("tspan", { class: "strong" }, value));
}

// Where the gate's name stands has to be within the picture, and to the right of the door's.
const anchor = (gate, width) => (gate < 250 ? "start" : gate > width - 60 ? "end" : "middle");

function described({ admitted, running, waiting, waiting_by: of, paused_now: paused, concurrency, max_concurrency: most }) {
  const room = most === null ? "with no limit" : `of ${most} seats, ${most - admitted} free`;
  return `${admitted} inside ${room}: ${running} running of ${concurrency ?? "any number"}, ${waiting} waiting` +
    ` (${of.interactive} interactive, ${of.batch} batch; ${paused} of them paused).`;
}
