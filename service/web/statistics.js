// What the histograms tell.

import { numeric, select, sum } from "./exposition.js";

/** Fewest rows that τ is shown for: below, chance moves it by more than training does. */
export const TAIL_ROWS = 200;

/** Return a histogram over all labels but those given: bounds, rows at or below each, how many, their mean. */
export function histogram(samples, name, labels = {}) {
  const rows = new Map();
  for (const { labels: { le }, value } of select(samples, `${name}_bucket`, labels)) {
    rows.set(numeric(le), (rows.get(numeric(le)) ?? 0) + value);
  }
  const bounds = [...rows.keys()].sort((one, other) => one - other);
  const count = rows.get(Infinity) ?? 0;
  const mean = sum(samples, `${name}_sum`, labels) / count;
  return { bounds, cumulative: bounds.map((bound) => rows.get(bound)), count, mean };
}

/** Return a quantile by linear interpolation within its bucket, as Prometheus's histogram_quantile does. */
export function quantile({ bounds, cumulative, count }, share) {
  const rank = share * count;
  const index = cumulative.findIndex((rows) => rows >= rank);
  if (bounds[index] === Infinity) return bounds[index - 1];
  if (index === 0 && bounds[0] <= 0) return bounds[0];
  const [lower, below] = index ? [bounds[index - 1], cumulative[index - 1]] : [0, 0];
  return lower + ((bounds[index] - lower) * (rank - below)) / (cumulative[index] - below);
}

/** Return τ, the 99th percentile over the mean; undefined for too few rows, and for a percentile beyond the buckets. */
export function tailRatio(ratios) {
  const high = ratios.count < TAIL_ROWS ? undefined : quantile(ratios, 0.99);
  return high === undefined || high >= ratios.bounds.at(-2) ? undefined : high / ratios.mean;
}

/** Return the share of rows in each of so many equal parts of [0, 1], whose edges are all among the bounds. */
export function shares({ bounds, cumulative, count }, parts) {
  const below = (edge) => cumulative[bounds.findIndex((bound) => Math.abs(bound - edge) < 1e-9)] ?? 0;
  return Array.from({ length: parts }, (_, part) => (below((part + 1) / parts) - below(part / parts)) / count);
}

/**
 * Compare typicality with what it is on unshifted rows: Kolmogorov and Smirnov's largest gap, and the value that chance
 * alone exceeds once in a thousand times, of the rows seen and the rows that the model was calibrated on.
 */
export function drift({ bounds, cumulative, count }, reference, calibrationRows) {
  const gaps = bounds
    .filter((bound) => bound <= 1)
    .map((bound, index) => Math.abs(cumulative[index] / count - (reference.get(bound) ?? bound)));
  return { statistic: Math.max(...gaps), critical: 1.95 * Math.sqrt(1 / count + 1 / calibrationRows) };
}
