// The points of the last 15 minutes, the oldest first.

const KEPT = 900;

export class History {
  points = [];

  // All of them, as columns.
  take({ columns }) {
    const names = Object.keys(columns);
    this.points = columns.at.map((_, index) => Object.fromEntries(names.map((name) => [name, columns[name][index]])));
  }

  // Whether it is a new one.
  push(point) {
    if (!point || point.at <= (this.points.at(-1)?.at ?? 0)) return false;
    this.points.push(point);
    if (this.points.length > KEPT) this.points.shift();
    return true;
  }
}
