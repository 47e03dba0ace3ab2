// One model version: what it was asked and what its signals say.

import { drawBars, drawScale, PARTS } from "./charts.js";
import { select, sum } from "./exposition.js";
import { drift, histogram, shares, TAIL_ROWS, tailRatio } from "./statistics.js";
import { badge, percent, rate, rowsOf, whole } from "./words.js";

const MOST_FEATURES = 12;

export class ModelCard {
  /** Make the card of one version, {model, version}, empty. */
  constructor(labels) {
    this.labels = labels;
    this.element = document.getElementById("model-card").content.cloneNode(true).firstElementChild;
    this.element.dataset.model = `${labels.model}/${labels.version}`;
    this.#put("name", labels.model);
    this.#put("version", `version ${labels.version}`);
  }

  /** Show samples: now's, those of the window, and the rows per second, undefined as long as it is not known. */
  show(now, shown, rowsPerSecond) {
    const digest = select(now, "chainzrule_model_info", this.labels)[0]?.labels.sha256;
    const ready = sum(now, "chainzrule_model_ready", this.labels) === 1;
    badge(this.#field("state"), ready ? "ready" : "not ready", ready ? "good" : "bad");
    this.#put("digest", digest ? `model.onnx sha256 ${digest}…` : "");
    const rows = sum(shown, "chainzrule_rows_total", this.labels) ?? 0;
    this.#put("rows", whole(rows));
    this.#put("rate", rowsPerSecond === undefined ? "" : `${rate(rowsPerSecond)} per second now`);
    const silent = !sum(now, "chainzrule_rows_total", this.labels);
    this.#field("charts").hidden = silent;
    this.#field("silence").hidden = !silent;
    this.#showErrors(now, shown, rows);
    this.#showTailRatio(now, shown);
    this.#showReliability(shown);
    this.#showTypicality(now, shown);
    this.#showFeatures(now, shown, rows);
  }

  #field(name) {
    return this.element.querySelector(`[data-field="${name}"]`);
  }

  #put(name, words) {
    this.#field(name).textContent = words;
  }

  #showErrors(now, shown, rows) {
    const reference = sum(now, "chainzrule_reference_expected_error_ratio", this.labels);
    const expected = sum(shown, "chainzrule_expected_errors_total", this.labels) / rows;
    this.#put("expected", rows ? percent(expected) : "–");
    const beside = reference === undefined ? "" : `; ${percent(reference)} on test rows`;
    this.#put("expected-note", `by reliability${beside}`);
    const known = sum(shown, "chainzrule_feedback_rows_total", this.labels) ?? 0;
    this.#field("feedback").hidden = !known;
    if (!known) return;
    const wrong = sum(shown, "chainzrule_feedback_rows_total", { ...this.labels, outcome: "wrong" }) ?? 0;
    const foreseen = sum(shown, "chainzrule_feedback_expected_errors_total", this.labels);
    this.#put("confirmed", percent(wrong / known));
    this.#put("confirmed-note", `${percent(foreseen / known)} expected, of ${rowsOf(known)} with feedback`);
  }

  #showTailRatio(now, shown) {
    const ratios = histogram(shown, "chainzrule_tail_ratio", this.labels);
    const [tau, reference] = [tailRatio(ratios), sum(now, "chainzrule_reference_tail_ratio", this.labels)];
    const scale = this.#field("tau-scale");
    scale.toggleAttribute("hidden", tau === undefined || reference === undefined);
    this.#put("tau", tau === undefined ? "–" : tau.toFixed(3));
    if (tau === undefined && ratios.count >= TAIL_ROWS) {
      this.#put("tau-note", `more than 1 % of the rows beyond ${ratios.bounds.at(-2)} × the reference's mean: too far to say`);
    } else if (tau === undefined) {
      this.#put("tau-note", `hidden below ${TAIL_ROWS} rows, where chance rules it: ${whole(ratios.count)} so far`);
    } else if (reference === undefined) {
      this.#put("tau-note", `of ${rowsOf(ratios.count)}`);
    } else {
      this.#put("tau-note", `reference ${reference.toFixed(3)}; of ${rowsOf(ratios.count)}`);
      drawScale(scale, tau, reference);
      scale.setAttribute("aria-label", `τ is ${tau.toFixed(3)}, its reference ${reference.toFixed(3)}`);
    }
  }

  #showReliability(shown) {
    const found = histogram(shown, "chainzrule_reliability", this.labels);
    this.#put("reliability-note", found.count ? `mean ${found.mean.toFixed(2)}` : "");
    const parts = this.#draw("reliability", found);
    const sure = parts.slice(16).reduce((total, share) => total + share, 0);
    const words = `mean ${found.mean.toFixed(2)}, ${percent(sure)} above 0.8`;
    this.#field("reliability").setAttribute("aria-label", this.#described("Reliability", found, words));
  }

  #showTypicality(now, shown) {
    const found = histogram(shown, "chainzrule_typicality", this.labels);
    const parts = this.#draw("typicality", found, 1 / PARTS);
    const words = `${percent(parts[0])} in the lowest of ${PARTS} parts, where ${percent(1 / PARTS)} belong`;
    this.#field("typicality").setAttribute("aria-label", this.#described("Typicality", found, words));
    const reference = select(now, "chainzrule_reference_typicality", this.labels);
    const { statistic, critical } = drift(
      found,
      new Map(reference.map((one) => [Number(one.labels.le), one.value])),
      sum(now, "chainzrule_reference_calibration_rows", this.labels) ?? Infinity,
    );
    const numbers = `KS ${statistic.toFixed(3)}, critical ${critical.toFixed(3)}, of ${rowsOf(found.count)}`;
    if (!(critical < 1)) {
      badge(this.#field("drift"), "too few rows to tell");
      this.#put("drift-note", rowsOf(found.count));
    } else if (statistic > critical) {
      badge(this.#field("drift"), "has moved", "bad");
      this.#put("drift-note", `${numbers}: more than chance`);
    } else {
      badge(this.#field("drift"), "as at training", "good");
      this.#put("drift-note", `${numbers}: no more than chance`);
    }
  }

  /** Draw a histogram and return its shares, 0 where there are no rows. */
  #draw(name, found, level) {
    const parts = found.count ? shares(found, PARTS) : Array(PARTS).fill(0);
    const say = (from, to, share) => `${from.toFixed(2)} to ${to.toFixed(2)}: ${percent(share)}`;
    const top = drawBars(this.#field(name), parts, say, level);
    this.#put(`${name}-top`, `top: ${percent(top)} of rows`);
    return parts;
  }

  #described(what, found, words) {
    return found.count ? `${what} of ${rowsOf(found.count)}: ${words}` : `${what}: no rows yet`;
  }

  #showFeatures(now, shown, rows) {
    const share = (name, feature) => (sum(shown, name, { ...this.labels, feature }) ?? 0) / rows;
    const found = select(now, "chainzrule_feature_missing_total", this.labels)
      .map(({ labels: { feature } }) => ({
        feature,
        missing: share("chainzrule_feature_missing_total", feature),
        outside: share("chainzrule_feature_out_of_range_total", feature),
        training: sum(now, "chainzrule_reference_missing_ratio", { ...this.labels, feature }),
      }))
      .filter(({ missing, outside }) => missing > 0 || outside > 0)
      .sort((one, other) => other.outside - one.outside || other.missing - one.missing);
    this.#field("features").hidden = !found.length;
    const lines = found.slice(0, MOST_FEATURES).map(({ feature, missing, outside, training }) => {
      const line = document.createElement("tr");
      const usual = training === undefined ? "–" : percent(training);
      for (const words of [feature, percent(missing), usual, percent(outside)]) line.insertCell().textContent = words;
      return line;
    });
    this.#field("feature-rows").replaceChildren(...lines);
    this.#put("more-features", found.length > MOST_FEATURES ? `and ${found.length - MOST_FEATURES} more` : "");
  }
}
