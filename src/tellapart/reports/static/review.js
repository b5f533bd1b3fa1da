// The review page from disk: reads what the page carries, and keeps grid, bar and decisions in step.

import { mountBar } from "tellapart/bar.js";
import { mountBrowse } from "tellapart/browse.js";
import { keepDecisions } from "tellapart/decisions.js";
import { all } from "tellapart/dom.js";
import { mountSections } from "tellapart/sections.js";
import { mountTheme } from "tellapart/theme.js";

const carried = (id) => JSON.parse(document.getElementById(id).textContent);
const still = matchMedia("(prefers-reduced-motion: reduce)");

mountTheme(document.getElementById("theme"));
const view = carried("view");
for (const issue of view.issues) issue.inside = new Set(issue.rows);
let [browse, bar] = [null, null];
const decisions = keepDecisions({ rows: view.rows, key: `tellapart-review:${view.place}`, made: view.made, onchange: () => {
  browse?.redraw();
  bar.tell();
} });

// Classes of which every usable image would be left out or called otherwise.
function emptied() {
  const left = new Map(view.classes.map(({ name, images }) => [name, images]));
  for (const index of decisions.rows()) {
    const [row, { action, new: to }] = [view.rows[index], decisions.of(index)];
    if (action === "keep" || row.status !== "used") continue;
    left.set(row.label, (left.get(row.label) ?? 0) - 1);
    if (action === "relabel") left.set(to, (left.get(to) ?? 0) + 1);
  }
  return view.classes.filter(({ name, images }) => images > 0 && left.get(name) <= 0).map(({ name }) => name);
}

bar = mountBar(document.getElementById("bar"), { decisions, command: view.command, ways: view.ways, emptied, onundo: () => {
  const index = decisions.undo();
  if (index !== null) browse?.reveal(index);
  if (!decisions.canUndo()) browse?.focus();
} });
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !/** @type {Element} */ (event.target).closest("input, textarea")) {
    event.preventDefault();
    /** @type {HTMLElement} */ (document.querySelector("[data-bar=undo]")).click();
  }
});
const root = document.getElementById("look");
if (root) browse = mountBrowse(root, { view, decisions, thumbnails: carried("thumbnails") });
for (const button of all("[data-open]")) {
  button.addEventListener("click", () => {
    browse.open(button.dataset.open);
    browse.focus();
    document.getElementById("look").scrollIntoView({ behavior: still.matches ? "auto" : "smooth", block: "start" });
  });
}
mountSections();
