// The curves of a training while it runs: loss and accuracy of what is trained on and of what is held out.

import { element, percent } from "tellapart/dom.js";

const [WIDE, HIGH, LEFT, BELOW] = [340, 170, 40, 22];
const WHICH = { train: "trained on", held_out: "held out" };
const finite = (values) => values.filter((value) => Number.isFinite(value));

function svg(tag, properties, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function path(epochs, values, x, y) {
  const points = epochs.map((epoch, k) => [epoch, values[k]]).filter(([, value]) => Number.isFinite(value));
  return points.map(([epoch, value], k) => `${k ? "L" : "M"}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

function figure({ folds, epochs }, measure, title) {
  const all = finite(folds.flatMap((fold) => Object.keys(WHICH).flatMap((which) => fold[`${which}_${measure}`] ?? [])));
  if (!all.length) return null;
  const last = Math.max(1, epochs ?? 0, ...folds.flatMap((fold) => fold.epochs));
  const low = Math.min(...all);
  const high = Math.max(...all, low + 1e-6);
  const x = (epoch) => LEFT + ((WIDE - LEFT - 8) * epoch) / last;
  const y = (value) => 8 + ((HIGH - BELOW - 8) * (high - value)) / (high - low);
  const ticks = [low, high].map((value) =>
    svg(
      "text",
      { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" },
      measure === "accuracy" ? percent(value, 0) : value.toFixed(high < 10 ? 2 : 0),
    ),
  );
  const axis = svg("line", { x1: LEFT, x2: WIDE - 8, y1: HIGH - BELOW, y2: HIGH - BELOW });
  const end = svg("text", { x: WIDE - 8, y: HIGH - 6, "text-anchor": "end" }, `epoch ${last}`);
  const lines = folds.flatMap((fold) =>
    Object.keys(WHICH).map((which) =>
      svg("path", { class: which, d: path(fold.epochs, fold[`${which}_${measure}`] ?? [], x, y) }),
    ),
  );
  const key = Object.entries(WHICH).map(([which, words], k) =>
    svg("text", { class: which, x: LEFT + 84 * k, y: HIGH - 6 }, words),
  );
  const drawn = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": title });
  drawn.append(axis, ...ticks, end, ...lines, ...key);
  return element("figure", {}, element("h4", {}, title), drawn);
}

// `live` is what a running training writes beside its page, or null.
export function curves(live) {
  if (!live) return null;
  const done = live.folds.reduce((sum, fold) => sum + Math.max(0, ...fold.epochs), 0);
  const words = live.total ? `${live.title}: ${done} of ${live.total} epochs` : `${live.title}: ${done} epochs`;
  const drawn = [figure(live, "loss", "Loss"), figure(live, "accuracy", "Accuracy")].filter(Boolean);
  return element(
    "div",
    { class: "card-box" },
    element("p", { class: "muted" }, done ? words : `${live.title}: the first epoch has not ended yet`),
    element("div", { class: "curves" }, ...drawn),
  );
}
