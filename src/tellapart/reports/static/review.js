// The review page from disk: reads what the page carries, and keeps grid, bar and decisions in step.

import { mountBar } from "tellapart/bar.js";
import { mountBrowse } from "tellapart/browse.js";
import { keepDecisions } from "tellapart/decisions.js";
import { carried, undoByKey } from "tellapart/dom.js";
import { mountSections } from "tellapart/sections.js";
import { mountTheme } from "tellapart/theme.js";

mountTheme(document.getElementById("theme"));
const view = carried("view");
for (const issue of view.issues) issue.inside = new Set(issue.rows);
let [browse, bar] = [null, null];
const decisions = keepDecisions({
  rows: view.rows,
  key: `tellapart-review:${view.place}`,
  made: view.made,
  onchange: () => {
    browse?.redraw();
    bar.tell();
  },
});

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

function onundo() {
  const index = decisions.undo();
  if (index !== null) browse?.reveal(index);
  browse?.focus();
}

bar = mountBar(document.getElementById("bar"), { decisions, command: view.command, ways: view.ways, emptied, onundo });
undoByKey();
const root = document.getElementById("look");
if (root) {
  browse = mountBrowse(root, { view, decisions, thumbnails: carried("thumbnails") });
  browse.focus();
}
mountSections();
