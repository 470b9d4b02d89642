// The figures, drawn by uPlot, with their values in words above them: the latest, or those under the pointer.

import { by, make, say } from "./dom.js";
import { FIGURES } from "./figures.js";
import { clock } from "./format.js";

const MINUTES = 15;
const LEAST = 120; // seconds that a plot shows, whatever there is
const HEIGHT = 128;
const WIDE_HEIGHT = 168;
const TOLD_EVERY = 15; // seconds between two descriptions for those who do not see the plots

const inks = getComputedStyle(document.documentElement);
const ink = (name) => inks.getPropertyValue(`--${name}`).trim();
const COLORS = { soft: "faint" };
const color = (name) => ink(COLORS[name] ?? name);

export class Plots {
  constructor(history) {
    this.history = history;
    this.figures = FIGURES.map((figure) => new Figure(figure, history));
    by("figures").append(...this.figures.map((figure) => figure.node));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.figures.forEach((each) => each.redraw()));
  }

  isShown = false;

  show() {
    this.isShown = this.history.points.length > 0;
    if (this.isShown) this.figures.forEach((figure) => figure.show());
  }
}

class Figure {
  constructor(figure, history) {
    Object.assign(this, { figure, history, plot: null, at: null, shown: 0 });
    this.values = figure.series.map((series) => make("b", {}, "–"));
    this.entries = figure.series.map((series, index) =>
      make("span", { class: `value of-${series.color}` }, `${series.label} `, this.values[index]),
    );
    this.when = make("span", {});
    this.area = make("div", { class: "plot", role: "img", "aria-label": figure.title });
    const caption = make("figcaption", {}, make("strong", {}, figure.title), this.when, ...this.entries.toReversed());
    this.node = make("figure", { id: `figure-${figure.id}`, class: figure.isWide ? "wide" : "" }, caption, this.area);
    new ResizeObserver(() => this.resize()).observe(this.area);
  }

  redraw() {
    this.plot?.destroy();
    this.plot = null;
    this.show();
  }

  resize() {
    const width = this.area.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.height() });
    else if (!this.plot) this.show();
  }

  height() {
    return this.figure.isWide ? WIDE_HEIGHT : HEIGHT;
  }

  show() {
    const { history, figure } = this;
    const points = history.points;
    if (!points.length || !this.area.clientWidth) return;
    const data = [points.map((point) => point.at), ...figure.series.map((series) => points.map(series.of))];
    if (this.plot) this.plot.setData(data);
    else this.plot = new uPlot(this.options(), data, this.area);
    this.write();
    if (this.shown++ % TOLD_EVERY === 0) this.area.setAttribute("aria-label", this.described());
  }

  // The values above the plot.
  write() {
    const { figure, history } = this;
    const point = history.points[this.at ?? -1] ?? history.points.at(-1);
    say(this.when, this.at === null ? "" : clock(point.at, true));
    figure.series.forEach((series, number) => {
      const value = (series.value ?? series.of)(point);
      say(this.values[number], value === null || value === undefined ? "–" : figure.write(value));
      this.entries[number].hidden = series.isRare ? !this.ever(series) : series.isLimit && value === null;
    });
  }

  ever(series) {
    return this.history.points.some((point) => (series.value ?? series.of)(point) > 0);
  }

  described() {
    const { history, figure } = this;
    const told = figure.series
      .filter((series) => !series.isLimit && !(series.isRare && !this.ever(series)))
      .map((series) => {
        const values = history.points.map(series.value ?? series.of).filter((value) => value !== null && value !== undefined);
        if (!values.length) return `${series.label} unknown`;
        return `${series.label} ${figure.write(values.at(-1))} now, ${figure.write(Math.max(...values))} at most`;
      });
    return `${figure.title} over the last ${MINUTES} minutes: ${told.join("; ") || "none"}.`;
  }

  options() {
    const { figure } = this;
    const font = `11px ${ink("sans")}`;
    const axis = { stroke: color("soft"), font, ticks: { show: false }, grid: { stroke: ink("hair"), width: 1 } };
    return {
      width: this.area.clientWidth,
      height: this.height(),
      padding: [6, 18, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "sluice" }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
      scales: { x: { time: false, range: (_, first, latest) => [Math.max(latest - MINUTES * 60, Math.min(first, latest - LEAST)), latest] }, y: { range: (plot) => this.range(plot) } },
      axes: [
        { ...axis, grid: { show: false }, size: 22, space: 70, incrs: [30, 60, 120, 180, 300], values: (_, splits, __, ___, step) => splits.map((moment) => clock(moment, step < 60)) },
        { ...axis, size: 46, space: 30, values: (_, splits) => splits.map(figure.write) },
      ],
      series: [{}, ...figure.series.map(drawn)],
      bands: figure.isStacked ? stacked(figure.series) : [],
      hooks: { setCursor: [(plot) => this.point(plot.cursor.idx)] },
    };
  }

  point(index) {
    this.at = index ?? null;
    this.write();
  }

  // From 0; a limit far above all that happens is told, and does not flatten it.
  range(plot) {
    const { figure } = this;
    if (figure.most) return [0, figure.most];
    const most = (wanted) =>
      figure.series.reduce((sum, series, index) =>
        Boolean(series.isLimit) === wanted ? Math.max(sum, ...plot.data[index + 1].map((value) => value ?? 0)) : sum, 0);
    const data = most(false);
    const limit = most(true);
    const top = Math.max(figure.floor, data);
    return [0, 1.08 * (limit && limit <= 3 * top ? Math.max(limit, top) : top)];
  }
}

function drawn({ color: name, isFilled, isLimit, isBar, width = 1.5 }) {
  const stroke = color(name);
  if (isLimit) return { stroke, width: 1.2, dash: [5, 4], points: { show: false } };
  if (isBar) return { fill: stroke, width: 0, paths: uPlot.paths.bars({ size: [1, 24, 1], align: -1 }), points: { show: false } };
  return { stroke, width, fill: isFilled ? wash(name) : undefined, points: { show: false } };
}

// One above the other, the last at the bottom: each is filled down to the next.
function stacked(series) {
  const areas = series.filter(({ isLimit }) => !isLimit);
  return areas.slice(1).map((_, index) => ({ series: [index + 1, index + 2], fill: wash(areas[index].color) }));
}

const wash = (name) => `${color(name)}50`;
