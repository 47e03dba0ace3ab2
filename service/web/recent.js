// The signals of recent rows that were out of distribution.

import { percent } from "./words.js";

const table = document.getElementById("recent");
const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);

const all = document.getElementById("all-recent");
let answered = { rows: [], workers: 1 };
let most = 10;

all.addEventListener("click", () => {
  most = Infinity;
  showRecent(answered);
});

/** List the answer of /v1/recent. */
export function showRecent(answer) {
  answered = answer;
  const { rows, workers } = answer;
  table.hidden = !rows.length;
  document.getElementById("no-recent").hidden = rows.length > 0;
  const note = "Signals of the last rows that counted as out of distribution; nothing of what was sent.";
  const whose = workers > 1 ? ` Each of ${workers} workers keeps its own; these are one's.` : "";
  document.getElementById("recent-note").textContent = note + whose;
  table.tBodies[0].replaceChildren(...rows.slice(0, most).map(line));
  all.hidden = rows.length <= most;
  all.textContent = `Show all ${rows.length}`;
}

function line(row) {
  const element = document.createElement("tr");
  element.setAttribute("role", "row");
  const time = document.createElement("time");
  time.dateTime = row.time;
  time.textContent = new Date(row.time).toLocaleTimeString();
  const cells = [
    time,
    `${row.model} ${row.version}`,
    row.label ?? String(Number(row.value.toPrecision(6))),
    percent(row.reliability),
    row.typicality.toFixed(4),
    row.tail_ratio.toFixed(3),
    row.boundary_distance?.toFixed(2) ?? "–",
    `${row.request_id ?? "–"}, ${row.row}`,
  ];
  cells.forEach((content, index) => {
    const cell = element.insertCell();
    cell.setAttribute("role", "cell");
    cell.dataset.heading = headings[index];
    cell.append(content);
  });
  return element;
}
