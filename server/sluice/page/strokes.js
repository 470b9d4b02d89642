// What the plots are drawn with: the page's own colors, lines and areas, and where their axes are divided.

const inks = getComputedStyle(document.documentElement);
export const ink = (name) => inks.getPropertyValue(`--${name}`).trim();
const COLORS = { soft: "faint" };
export const color = (name) => ink(COLORS[name] ?? name);

// Of the lines between two powers of ten those that are told of: where there are many, none.
export function round(plot, splits) {
  const { min, max } = plot.scales.y;
  const steps = max / min > 100 ? [1] : [1, 2, 5];
  return splits.map((split) => (steps.some((step) => Math.abs(split / 10 ** Math.floor(Math.log10(split * 1.001)) - step) < 0.01) ? split : null));
}

// Whole ones around all that is there; a second where nothing is.
export const decades = (_, least, most) =>
  most ? [10 ** Math.floor(Math.log10(Math.max(least, 1e-4))), 10 ** Math.ceil(Math.log10(Math.max(most * 1.01, 1e-3)))] : [0.01, 1];

export function drawn({ color: name, isFilled, isLimit, isBar, width = 1.5 }) {
  const stroke = color(name);
  if (isLimit) return { stroke, width: 1.2, dash: [5, 4], points: { show: false } };
  if (isBar) return { fill: stroke, width: 0, paths: uPlot.paths.bars({ size: [1, 24, 2], align: -1 }), points: { show: false } };
  return { stroke, width, fill: isFilled ? wash(name) : undefined, points: { show: false } };
}

// One above the other, the last at the bottom: each is filled down to the next.
export function stacked(series) {
  const areas = series.filter(({ isLimit }) => !isLimit);
  return areas.slice(1).map((_, index) => ({ series: [index + 1, index + 2], fill: wash(areas[index].color) }));
}

const wash = (name) => `${color(name)}50`;
