// One image with everything known about it and what can be decided; its file takes the thumbnail's place where it can
// be reached.

import { element, percent, thumbnail } from "tellapart/dom.js";

const PATIENCE_MS = 150;

export const fileName = (row) => row.path.split("/").pop();

export function sizeWords(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < 3) [value, unit] = [value / 1000, unit + 1];
  return `${value.toFixed(unit > 1 && value < 100 ? 1 : 0)}\u00a0${units[unit]}`;
}

export function measures(row) {
  return [row.width && row.height ? `${row.width} × ${row.height}` : null, sizeWords(row.size_bytes)]
    .filter(Boolean)
    .join(" · ");
}

export function decisionWords(decision) {
  if (!decision) return "";
  if (decision.action === "relabel") return `→ ${decision.new}`;
  return { exclude: "Excluded", unsure: "Unsure" }[decision.action] ?? "Kept";
}

// Whether another label is likelier than the one it has.
export const isDoubted = (row) =>
  row.suggested !== null &&
  row.suggested !== row.label &&
  (row.probability === null || row.own_probability === null || row.probability > row.own_probability);

// Whether an earlier decision already leaves it out.
export const isLeftOut = (row) => row.status === "set aside" && (row.reason ?? "").startsWith("excluded");

// Where the file itself lies, or null: only for a page opened from the disk of the machine that has the photos.
export function address(root, row) {
  if (!root || location.protocol !== "file:") return null;
  try {
    return `${root}/${row.path.split("/").map(encodeURIComponent).join("/")}`;
  } catch {
    return null;
  }
}

// A file was shown, so this page lies where its way to the photos holds.
export const found = () => document.dispatchEvent(new CustomEvent("photosfound"));

// The thumbnail at once and the file a moment later, unless the reader has gone on by then.
export function portrait(thumbnails, row, source) {
  const frame = element("div", { class: "portrait" }, thumbnail(thumbnails, row.image_id, fileName(row)));
  if (source) {
    setTimeout(() => {
      if (!frame.isConnected) return;
      const file = element("img", { class: "file", alt: fileName(row), draggable: "false" });
      file.addEventListener("load", () => {
        frame.firstElementChild.replaceWith(file);
        found();
      });
      file.src = source;
    }, PATIENCE_MS);
  }
  return frame;
}

export function facts(row, { issues, group, decision, isBest, actions, classNames }) {
  const found = issues.filter((issue) => issue.inside.has(row.index));
  const others = issues.filter((issue) => !issue.inside.has(row.index) && issue.name in row.scores);
  return element(
    "div",
    { class: "detail" },
    element("p", { class: "verdict" }, ...verdict(row)),
    decisionButtons(row, decision, group, actions, classNames),
    element("p", { class: "path", title: "Path in the folder" }, row.path),
    element(
      "p",
      { class: "muted measures" },
      [measures(row), row.part, row.status === "used" ? null : (row.reason ?? row.status)].filter(Boolean).join(" · "),
    ),
    group?.why
      ? element("p", { class: "doubt" }, isBest ? element("b", {}, "The best copy. ") : null, group.why)
      : null,
    decision ? element("p", { class: `decided is-${decision.action}` }, decidedWords(decision)) : null,
    found.length ? element("h4", {}, "Why it is here") : null,
    found.length ? element("ul", { class: "bars" }, ...found.map((issue) => scoreBar(issue, row, true))) : null,
    others.length
      ? element(
          "details",
          {},
          element("summary", {}, "Its other scores"),
          element("ul", { class: "bars" }, ...others.map((issue) => scoreBar(issue, row, false))),
        )
      : null,
  );
}

function verdict(row) {
  if (row.status === "unreadable") return [`It could not be read${row.reason ? `: ${row.reason}` : ""}.`];
  if (row.label === null) return ["It has no label."];
  const own =
    row.own_probability === null || row.own_probability === undefined
      ? ""
      : `; ${row.label} ${percent(row.own_probability, 0)}`;
  if (!isDoubted(row)) return ["Labeled ", element("b", {}, row.label), "."];
  return [
    "Labeled ",
    element("b", {}, row.label),
    ", looks like ",
    element("b", { class: "off" }, row.suggested),
    row.probability === null ? "." : ` (${percent(row.probability, 0)}${own}).`,
  ];
}

export function decidedWords({ action, new: to, isOfFile }) {
  if (action === "keep") return "You keep it as it is.";
  if (action === "relabel") return `You call it ${to}.`;
  if (action === "unsure") return "You are unsure of it; it is used as before.";
  return isOfFile ? "You leave out this copy; the same image elsewhere stays." : "You leave it out.";
}

// A bar for a score in [0, 1], lower is worse: the worst has the longest.
export const badness = (score) => `width:${(100 * (1 - score)).toFixed(1)}%`;

// A button for an action, with the key that does the same.
export const press = (words, key, title, onclick, kind = "") =>
  element(
    "button",
    { type: "button", class: `press ${kind}`, "data-act": key, title: `${title} (${key})`, onclick },
    words,
    element("kbd", {}, key),
  );

// What can be decided about one image; `row` has label, suggested, probability, own_probability and image_id.
export function decisionButtons(row, decision, group, actions, classNames) {
  const menu = element(
    "select",
    {
      "aria-label": "Relabel to",
      "data-look": "menu",
      "data-act": "m",
      onchange: (event) => event.target.value && actions.relabel(event.target.value),
    },
    element("option", { value: "" }, "Relabel to …"),
    ...classNames
      .filter((name) => name !== row.label)
      .map((name) =>
        element("option", { value: name, selected: decision?.action === "relabel" && decision.new === name }, name),
      ),
  );
  return element(
    "div",
    { class: "presses" },
    press("Exclude", "x", "Leave it out of training and tests", actions.exclude, "danger"),
    press("Keep", "k", "It is right as it is", actions.keep),
    isDoubted(row)
      ? press(`Relabel: ${row.suggested}`, "r", `Call it ${row.suggested}`, () => actions.relabel(row.suggested))
      : null,
    group && group.rows.length > 1
      ? press("Keep only this one", "o", "Leave out the others of its group", actions.only)
      : null,
    row.image_id && classNames.length > 1 ? menu : null,
    actions.unsure ? press("Unsure", "u", "Note that you cannot tell; it is used as before", actions.unsure) : null,
    decision ? press("Take back", actions.unsure ? "t" : "u", "Decide nothing about it", actions.takeBack) : null,
  );
}

function scoreBar(issue, row, isFound) {
  const score = row.scores[issue.name] ?? null;
  return element(
    "li",
    { class: isFound ? "is-found" : "" },
    element("span", { class: "name", title: issue.explanation }, issue.title),
    element("span", { class: "value" }, score === null ? "" : score.toFixed(2)),
    score === null ? null : element("span", { class: "meter" }, element("i", { style: badness(score) })),
  );
}
