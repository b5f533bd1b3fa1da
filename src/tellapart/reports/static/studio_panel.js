// What is known of the image looked at, or of those selected, and the buttons that decide.

import { element, grouped, percent } from "tellapart/dom.js";
import { press, sizeWords } from "tellapart/facts.js";

const MOST_BUTTONS = 12;
const MOST_LINES = 4;
const DONE = { exclude: "excluded", unsure: "unsure" };

// `bench` gives store, lens, keys, details, selected and act().
// `form` is where another class is named: it stays the same while what is known of the image is drawn anew.
export function panel(i, bench, form) {
  const { selected } = bench;
  return element(
    "div",
    { class: "detail" },
    selected.size ? element("p", { class: "verdict" }, element("b", {}, `${grouped(selected.size)} selected`)) : null,
    selected.size ? mixture(bench) : element("p", { class: "verdict" }, ...verdict(i, bench)),
    classButtons(i, bench, form),
    presses(bench),
    ...(selected.size ? [] : about(i, bench)),
    bench.keys.fields(bench.store.classNames.slice(0, 60), () => bench.redrawFacts()),
  );
}

function mixture({ selected, store }) {
  const counts = new Map();
  for (const i of selected) counts.set(store.labelName(i), (counts.get(store.labelName(i)) ?? 0) + 1);
  const parts = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST_LINES);
  const words = parts.map(([name, n]) => `${name ?? "no label"} ${grouped(n)}`).join(", ");
  return element("p", { class: "muted measures" }, counts.size > parts.length ? `${words}, …` : words);
}

function verdict(i, { store, lens }) {
  const label = store.labelName(i);
  const words = label === null ? ["No label"] : ["Labeled ", element("b", {}, label)];
  if (store.isRelabeled(i)) words.push(` (in the folder: ${store.classNames[store.original[i]] ?? "none"})`);
  if (!lens.hasPrediction(i)) return [...words, "."];
  const sure = percent(lens.confidence(i), 0);
  if (!lens.isMistake(i)) return [...words, `; the run agrees, ${sure}.`];
  return [...words, "; the run says ", element("b", { class: "off" }, lens.predictedName(i)), `, ${sure}.`];
}

function classButtons(i, bench, form) {
  const { store, keys, lens, selected } = bench;
  const own = selected.size ? null : store.labelName(i);
  const known = keys.of(store.classNames).slice(0, MOST_BUTTONS);
  const button = ([key, name]) =>
    element(
      "button",
      {
        type: "button",
        class: `press class-name${name === own ? " is-own" : ""}${lens.suggests(i, name) ? " is-suggested" : ""}`,
        "data-act": key,
        "aria-pressed": String(name === own),
        title: `Call it ${name} (${key})`,
        onclick: () => bench.act("relabel", { label: name }),
      },
      element("span", {}, name),
      element("kbd", {}, key),
    );
  return element("div", { class: "class-list" }, ...known.map(button), form);
}

function presses(bench) {
  const { selected, store, grid } = bench;
  const rows = selected.size ? [...selected] : [grid.current()];
  const hasDecision = rows.some((i) => i !== null && store.isDecided(i));
  return element(
    "div",
    { class: "presses" },
    press("Exclude", "x", "Leave it out of training and tests", () => bench.act("exclude"), "danger"),
    press("Unsure", "u", "Note that you cannot tell; it is used as before", () => bench.act("unsure")),
    hasDecision ? press("Restore", "r", "As the folder has it", () => bench.act("restore")) : null,
  );
}

function about(i, { store, details, lens }) {
  const known = details.get(i);
  const measures = known
    ? [known.width ? `${known.width} × ${known.height}` : null, sizeWords(known.size_bytes), known.part]
    : [store.parts[store.part[i] - 1]];
  const words = measures.filter(Boolean).join(" · ");
  const decided = (known?.decisions ?? []).filter((one) => one.holds).slice(-MOST_LINES);
  return [
    element("p", { class: "path", title: "Path in the folder" }, store.path(i)),
    element("p", { class: "muted measures" }, words || "\u00a0"),
    known?.reason ? element("p", { class: "doubt" }, known.reason) : null,
    lens.bars(i),
    decided.length ? element("ul", { class: "history muted" }, ...decided.map(historyLine)) : null,
  ].filter(Boolean);
}

function historyLine({ action, new: to, why, who, when, batch }) {
  const what = action === "relabel" ? `called ${to}` : (DONE[action] ?? "restored");
  const day = when.slice(0, 16).replace("T", " ");
  return element("li", {}, [`${what}${why ? `: ${why}` : ""}`, who, day, `step ${batch}`].filter(Boolean).join(" · "));
}
