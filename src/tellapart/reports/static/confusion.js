// The confusion matrix as a table of buttons; a cell chosen is told to onCell({part, label, predicted, count}), or null
// when let go, and whether a pointer did it: a key stays in the matrix, where the next one goes on.

import { choice, element, grouped, percent } from "tellapart/dom.js";

const MOST_CLASSES = 20;

export function mountConfusion(root, { sections, classNames, onCell }) {
  const state = { section: sections[0], mode: "counts", hideDiagonal: false, all: classNames.length <= MOST_CLASSES, cell: null };
  const tools = element("div", { class: "tools" });
  const frame = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusion matrix" });
  const key = element("p", { class: "muted key" }, "Blue is right, orange wrong; the deeper, the more of its row. Choose a cell to see its images.");
  root.replaceChildren(tools, frame, key);

  if (sections.length > 1) {
    const parts = element("div");
    tools.append(parts);
    choice(parts, { label: "Part", value: state.section.part, options: sections.map((s) => [s.part, s.title]), onchoice: (part) => {
      state.section = sections.find((section) => section.part === part);
      pick(null);
    } });
  }
  const modes = element("div");
  tools.append(modes);
  choice(modes, { label: "What the cells show", value: "counts", options: [["counts", "Counts"], ["rows", "Row %"]], onchoice: (mode) => {
    state.mode = mode;
    draw();
  } });
  tools.append(tick("Hide the diagonal", false, (on) => { state.hideDiagonal = on; draw(); }));
  if (classNames.length > MOST_CLASSES) {
    tools.append(tick(`All ${classNames.length} classes (else the ${MOST_CLASSES} most confused)`, false, (on) => { state.all = on; draw(); }));
  }

  function pick(cell, isPointed = false) {
    state.cell = cell;
    draw();
    onCell(cell && { ...cell, part: state.section.part, count: state.section.matrix[cell.label][cell.predicted] }, isPointed);
  }

  function draw() {
    const { matrix, order } = state.section;
    const shown = state.all ? classNames.map((_, k) => k) : order.slice(0, MOST_CLASSES).sort((a, b) => a - b);
    const worst = Math.max(1, ...matrix.flatMap((row, i) => row.filter((_, j) => i !== j)));
    const head = element("tr", {}, element("td", { class: "corner" }, "true ↓ predicted →"),
      ...shown.map((k) => element("th", { scope: "col", title: classNames[k] }, element("span", {}, classNames[k]))));
    const rows = shown.map((i) => {
      const total = matrix[i].reduce((sum, n) => sum + n, 0);
      return element("tr", {}, element("th", { scope: "row", title: classNames[i] }, element("span", {}, classNames[i])),
        ...shown.map((j) => cellOf(i, j, matrix[i][j], total, worst)));
    });
    const size = shown.length > 24 ? "tiny" : shown.length > 6 ? "small" : "large";
    const active = /** @type {HTMLElement} */ (document.activeElement);
    const focused = frame.contains(active) && active.dataset.cell;
    frame.replaceChildren(element("table", { class: `confusion ${size}` },
      element("caption", { class: "hidden" }, "Confusion matrix: rows are the labels, columns what the model says."),
      element("thead", {}, head), element("tbody", {}, ...rows)));
    if (focused) frame.querySelector(`[data-cell="${focused}"]`)?.focus();
  }

  function cellOf(i, j, count, total, worst) {
    if (!count || (state.hideDiagonal && i === j)) return element("td", { class: "none" }, count ? "" : "·");
    const share = count / (total || 1);
    const depth = i === j ? share * 65 : 12 + 48 * Math.sqrt(state.hideDiagonal ? count / worst : share);
    const words = state.mode === "rows" ? (100 * share).toFixed(share < 0.0995 ? 1 : 0) : grouped(count);
    const isChosen = Boolean(state.cell) && state.cell.label === i && state.cell.predicted === j;
    return element("td", { class: i === j ? "right" : "wrong", style: `--depth:${depth.toFixed(0)}%` }, element("button", {
      type: "button", "data-cell": `${i},${j}`, "aria-pressed": String(isChosen),
      "aria-label": `${classNames[i]} taken for ${classNames[j]}: ${grouped(count)}, ${percent(share)} of the row`,
      onclick: (event) => pick(isChosen ? null : { label: i, predicted: j }, event.detail > 0),
    }, words));
  }

  frame.addEventListener("keydown", (event) => {
    const [down, across] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [0, 0];
    const cell = event.target.closest?.("td");
    if (!cell || (!down && !across)) return;
    event.preventDefault();
    const rows = [...frame.querySelectorAll("tbody tr")];
    let [y, x] = [rows.indexOf(cell.parentElement), cell.cellIndex];
    for (;;) {
      [y, x] = [y + down, x + across];
      const next = rows[y]?.cells[x];
      if (!next || x < 1) return;
      if (next.firstElementChild) { next.firstElementChild.focus(); return; }
    }
  });
  draw();
  return { clear: () => { if (state.cell) { state.cell = null; draw(); } } };
}

function tick(words, checked, onchange) {
  return element("label", { class: "tick" }, element("input", { type: "checkbox", checked, onchange: (event) => onchange(event.target.checked) }), words);
}
