// Numbers and states in words.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Return a count. */
export function whole(value) {
  return WHOLE.format(value);
}

/** Return a count of rows, with the word. */
export function rowsOf(value) {
  return `${whole(value)} row${value === 1 ? "" : "s"}`;
}

/** Return a share in per cent. */
export function percent(share) {
  return `${(100 * share).toFixed(share !== 0 && Math.abs(share) < 0.1 ? 1 : 0)} %`;
}

/** Return a rate per second. */
export function rate(value) {
  return value >= 10 || value === 0 ? whole(value) : value.toFixed(1);
}

/** Return a length of time, in the unit that suits it. */
export function duration(seconds) {
  if (seconds < 1) return `${(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** Show words as a badge: good, bad, or neither. */
export function badge(element, words, state = "") {
  element.textContent = words;
  element.dataset.state = state;
}
