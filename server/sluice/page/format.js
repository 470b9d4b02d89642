// Numbers as people read them.

const whole = new Intl.NumberFormat("en");

export const count = (number) => whole.format(Math.round(number));

export function short(number) {
  if (number < 10_000) return count(number);
  return number < 1e6 ? `${(number / 1e3).toFixed(number < 1e5 ? 1 : 0)}k` : `${(number / 1e6).toFixed(1)}M`;
}

// Of seconds; null is unknown.
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.001) return seconds === 0 ? "0 s" : "<1 ms";
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  if (seconds < 0.9995) return `${(seconds * 1000).toFixed(0)} ms`;
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(seconds < 36_000 ? 1 : 0)} h`;
}

export function age(seconds) {
  const days = Math.floor(seconds / 86_400);
  const rest = new Date(seconds * 1000).toISOString();
  if (days) return `${days} d ${Number(rest.slice(11, 13))} h`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return seconds < 3600 ? `${Number(rest.slice(14, 16))} min ${Number(rest.slice(17, 19))} s` : `${Number(rest.slice(11, 13))} h ${Number(rest.slice(14, 16))} min`;
}

export const percent = (part) => (part === null || part === undefined ? "–" : `${(part * 100).toFixed(part && part < 0.1 ? 1 : 0)}%`);

export const clock = (moment, withSeconds = false) => new Date(moment * 1000).toTimeString().slice(0, withSeconds ? 8 : 5);

// A reason or an outcome as the server names it.
export const words = (name) => name.replaceAll("_", " ");
