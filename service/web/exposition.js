// Prometheus's text format, as far as the service writes it, and what was counted between two readings of it.

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const COUNTED = /_(total|bucket|count|sum)$/;

/** Return the samples of a text by metric name: {series, labels, value} each. */
export function parse(text) {
  const samples = new Map();
  for (const line of text.split("\n")) {
    const match = SAMPLE.exec(line);
    if (!match) continue; // a comment, or the end
    const [, name, written = "", number] = match;
    const labels = {};
    for (const [, label, value] of written.matchAll(LABEL)) labels[label] = unescape(value);
    if (!samples.has(name)) samples.set(name, []);
    samples.get(name).push({ series: `${name}{${written}}`, labels, value: numeric(number) });
  }
  return samples;
}

function unescape(value) {
  return value.replace(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character));
}

/** Return a number as Prometheus writes it, a bucket's boundary included. */
export function numeric(text) {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}

/** Return what only grows in samples, by series: enough to tell later what came in between. */
export function totals(samples) {
  const found = new Map();
  for (const [name, list] of samples) {
    if (!COUNTED.test(name)) continue;
    for (const { series, value } of list) found.set(series, value);
  }
  return found;
}

/** Return samples with what had been counted before taken off; what does not count stays as it is. */
export function since(samples, before) {
  const left = new Map();
  for (const [name, list] of samples) {
    const difference = (one) => ({ ...one, value: one.value - (before.get(one.series) ?? 0) });
    left.set(name, COUNTED.test(name) ? list.map(difference) : list);
  }
  return left;
}

/** Return the samples of a metric whose labels are as given. */
export function select(samples, name, labels = {}) {
  const wanted = Object.entries(labels);
  return (samples.get(name) ?? []).filter((one) => wanted.every(([label, value]) => one.labels[label] === value));
}

/** Return the sum of a metric over all labels but those given; undefined where the service has no such metric. */
export function sum(samples, name, labels = {}) {
  const found = select(samples, name, labels);
  return found.length ? found.reduce((total, one) => total + one.value, 0) : undefined;
}

/** Totals of the last half hour, from when the page was opened. */
export class History {
  #entries = [];

  /** Remember totals, at most every ten seconds. A service that was started again has a new history. */
  add(time, found) {
    const last = this.#entries.at(-1);
    if (last && [...last.found].some(([series, value]) => found.get(series) < value)) this.#entries = [];
    if (this.#entries.length && time - this.#entries.at(-1).time < 10_000) return;
    this.#entries.push({ time, found });
    while (this.#entries.length > 1 && this.#entries[1].time < time - 1_800_000) this.#entries.shift();
  }

  /** Return the newest entry that is at least so many seconds old, else the oldest. */
  before(time, seconds) {
    return this.#entries.findLast((entry) => entry.time <= time - 1000 * seconds) ?? this.#entries[0];
  }
}
