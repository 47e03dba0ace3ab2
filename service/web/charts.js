// Inline SVG, stretched to its place; words stand outside of it, so that they keep their size.

const NAMESPACE = "http://www.w3.org/2000/svg";
/** Bars of a histogram. */
export const PARTS = 20;

function add(parent, name, attributes) {
  const element = document.createElementNS(NAMESPACE, name);
  set(element, attributes);
  parent.append(element);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

/** Return the height of the plot: the next of some round shares. */
function roof(values) {
  const highest = Math.max(...values);
  return [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1].find((height) => highest <= height) ?? 1;
}

/**
 * Draw a histogram over [0, 1] and return the share that is its height.
 *
 * @param svg where; its bars are made on the first call and moved afterwards.
 * @param shares of rows, by part.
 * @param say returns what a bar says when it is pointed at.
 * @param level a share that a line is drawn at, if any.
 */
export function drawBars(svg, shares, say, level) {
  if (!svg.firstChild) {
    set(svg, { viewBox: `0 0 ${PARTS} 1`, preserveAspectRatio: "none" });
    for (let part = 0; part < PARTS; part += 1) {
      const group = add(svg, "g", {});
      add(group, "title", {});
      add(group, "rect", { class: "column", x: part, y: 0, width: 1, height: 1 });
      add(group, "rect", { class: "bar", x: part + 0.1, width: 0.8 });
    }
    if (level !== undefined) add(svg, "line", { class: "level", x1: 0, x2: PARTS });
  }
  const height = roof([...shares, 2 * (level ?? 0)]);
  svg.querySelectorAll("g").forEach((group, part) => {
    const share = shares[part] / height;
    group.querySelector("title").textContent = say(part / PARTS, (part + 1) / PARTS, shares[part]);
    set(group.querySelector(".bar"), { y: 1 - share, height: share });
  });
  if (level !== undefined) set(svg.querySelector(".level"), { y1: 1 - level / height, y2: 1 - level / height });
  return height;
}

/** Draw a value on a scale from 1 upwards, with a mark at its reference. */
export function drawScale(svg, value, reference) {
  if (!svg.firstChild) {
    set(svg, { viewBox: "0 0 1 1", preserveAspectRatio: "none" });
    add(svg, "rect", { class: "track", x: 0, y: 0.25, width: 1, height: 0.5 });
    add(svg, "rect", { class: "bar", x: 0, y: 0.25, height: 0.5 });
    add(svg, "line", { class: "mark", y1: 0, y2: 1 });
  }
  const end = Math.max(1.5, 1 + 1.25 * (Math.max(value, reference) - 1));
  const place = (ratio) => Math.min(Math.max((ratio - 1) / (end - 1), 0), 1);
  set(svg.querySelector(".bar"), { width: place(value) });
  set(svg.querySelector(".mark"), { x1: place(reference), x2: place(reference) });
}
