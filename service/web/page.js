// Reads the service's own metrics every two seconds and shows them; nothing is asked of anyone else.

import { History, parse, select, since, sum, totals } from "./exposition.js";
import { ModelCard } from "./model_card.js";
import { showRecent } from "./recent.js";
import { histogram, quantile } from "./statistics.js";
import { badge, duration, rate, whole } from "./words.js";

const EVERY = 2000;
const KEY = "chainzrule-key";
const RATE_SECONDS = 10;
const READINESS = "v2/health/ready"; // which says no by its status

const history = new History();
const cards = new Map();
const refused = new Set(); // paths that want another key than there is: not asked again before one is given
let first; // what was read when the page was opened
let latest; // {time, samples}
let wake; // ends the pause between two readings

const element = (id) => document.getElementById(id);

/** Return the answer to a GET; undefined where a key is wanted. */
async function ask(path) {
  if (refused.has(path)) return undefined;
  const key = sessionStorage.getItem(KEY);
  const headers = key ? { authorization: `Bearer ${bytes(key)}` } : {};
  const answer = await fetch(path, { cache: "no-store", headers, signal: AbortSignal.timeout(10_000) });
  if (answer.status === 401) {
    refused.add(path);
    return undefined;
  }
  if (!answer.ok && path !== READINESS) throw new Error(`${path} is answered with ${answer.status}`);
  return answer;
}

/** Return a text whose characters are the bytes of another in UTF-8, which is how headers carry it. */
function bytes(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

async function read() {
  try {
    const [ready, metrics, recent] = await Promise.all([READINESS, "metrics", "v1/recent"].map(ask));
    if (ready) showReadiness(await ready.json());
    if (metrics) {
      latest = { time: Date.now(), samples: parse(await metrics.text()) };
      history.add(latest.time, totals(latest.samples));
      first ??= history.before(latest.time, 0);
      show();
    }
    if (recent) showRecent(await recent.json());
    element("notice").hidden = true;
  } catch (error) {
    badge(element("readiness"), "not read", "bad");
    element("notice").textContent = `The service could not be read: ${error.message}. This is the last that it said.`;
    element("notice").hidden = false;
  }
  element("key").hidden = !refused.size;
  element("no-recent").textContent = refused.has("v1/recent") ? "These want a key." : "None so far.";
  element("key-note").textContent = sessionStorage.getItem(KEY)
    ? "The service does not know that key."
    : "This service wants a key for a part of what is shown. It stays in this tab, until that is closed.";
}

function showReadiness({ ready, reason }) {
  badge(element("readiness"), ready ? "ready" : `not ready: ${reason}`, ready ? "good" : "bad");
}

function show() {
  const { time, samples } = latest;
  const chosen = document.querySelector("[name=window]:checked").value;
  const base = chosen === "all" ? undefined : history.before(time, Number(chosen));
  const shown = base ? since(samples, base.found) : samples;
  const opening = base === first ? ", since this page was opened" : "";
  element("covers").textContent = base
    ? `The last ${duration((time - base.time) / 1000)}${opening}.`
    : "Everything since the service was started.";
  const past = history.before(time, RATE_SECONDS);
  const seconds = (time - past.time) / 1000;
  const lately = since(samples, past.found);
  const perSecond = (name, labels) => (seconds ? (sum(lately, name, labels) ?? 0) / seconds : undefined);
  showService(shown, perSecond("chainzrule_http_requests_total", { method: "POST" }));
  showModels(shown, (labels) => perSecond("chainzrule_rows_total", labels));
  element("updated").textContent = `read at ${new Date(time).toLocaleTimeString()}`;
}

function showService(shown, requestsPerSecond) {
  const { samples } = latest;
  element("requests").textContent = requestsPerSecond === undefined ? "–" : rate(requestsPerSecond);
  const seconds = histogram(shown, "chainzrule_http_request_duration_seconds", { method: "POST" });
  element("latency").textContent = seconds.count ? duration(quantile(seconds, 0.95)) : "–";
  element("queue").textContent = whole(sum(samples, "chainzrule_queue_rows") ?? 0);
  const limit = sum(samples, "chainzrule_queue_limit_rows") ?? 0;
  element("queue-note").textContent = `of ${whole(limit)} rows that may wait`;
  const errors = select(shown, "chainzrule_errors_total").filter((one) => one.value > 0);
  const most = errors.toSorted((one, other) => other.value - one.value).slice(0, 3);
  element("errors").textContent = whole(errors.reduce((total, one) => total + one.value, 0));
  element("errors-note").textContent = most.length
    ? most.map((one) => `${one.labels.code} ${whole(one.value)}`).join(", ")
    : "none refused or failed";
}

function showModels(shown, rowsPerSecond) {
  const { samples } = latest;
  const present = select(samples, "chainzrule_model_ready").map(({ labels }) => labels);
  present.sort((one, other) => one.model.localeCompare(other.model) || other.version - one.version);
  const wanted = present.map((labels) => {
    const name = `${labels.model}/${labels.version}`;
    if (!cards.has(name)) cards.set(name, new ModelCard(labels));
    const card = cards.get(name);
    card.show(samples, shown, rowsPerSecond(labels));
    return card.element;
  });
  const place = element("models");
  if (wanted.length !== place.children.length || wanted.some((card, index) => card !== place.children[index])) {
    place.replaceChildren(...wanted);
  }
}

element("window").addEventListener("change", () => latest && show());
element("key").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, element("key-field").value.trim());
  element("key-field").value = "";
  refused.clear();
  wake?.();
});

for (;;) {
  await read();
  await new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, EVERY);
  });
}
