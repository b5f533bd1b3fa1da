// The confusion matrix as a table of buttons; a cell chosen is told to onCell({part, label, predicted, count}), or null
// when let go, and whether a pointer did it: a key stays in the matrix, where the next one goes on.

import { choice, element, grouped, percent } from "tellapart/dom.js";

const MOST_CLASSES = 20;
const KEY =
  "Blue is right, orange wrong; the darker, the larger its share of the row. Choose a cell to see its images.";
const ARROWS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
const MODES = [
  ["counts", "Counts"],
  ["rows", "Row %"],
  ["columns", "Column %"],
];
const SHARES = { rows: "row", columns: "column" };

class Confusion {
  constructor(root, { sections, classNames, onCell }) {
    this.sections = sections;
    this.classNames = classNames;
    this.onCell = onCell;
    this.section = sections[0];
    this.mode = "counts";
    this.isDiagonalHidden = false;
    this.cell = null;
    this.isAll = classNames.length <= MOST_CLASSES;
    this.frame = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusion matrix" });
    const tools = element("div", { class: "tools" });
    root.replaceChildren(tools, this.frame, element("p", { class: "muted key" }, KEY));
    this.mountTools(tools);
    this.frame.addEventListener("keydown", (event) => this.steer(event));
    this.draw();
  }

  mountTools(tools) {
    const modes = element("div");
    choice(modes, {
      label: "What the cells show",
      value: "counts",
      options: MODES,
      onchoice: (mode) => {
        this.mode = mode;
        this.draw();
      },
    });
    const hide = tick("Hide the diagonal", (isOn) => {
      this.isDiagonalHidden = isOn;
      this.draw();
    });
    tools.append(modes, hide);
    const { length } = this.classNames;
    if (length <= MOST_CLASSES) return;
    const every = tick(`All ${length} classes (else the ${MOST_CLASSES} most confused)`, (isOn) => {
      this.isAll = isOn;
      this.draw();
    });
    tools.append(every);
  }

  showPart(part) {
    const section = this.sections.find((one) => one.part === part);
    if (!section || section === this.section) return;
    this.section = section;
    this.pick(null);
  }

  pick(cell, isPointed = false) {
    this.cell = cell;
    this.draw();
    const { part, matrix } = this.section;
    this.onCell(cell && { ...cell, part, count: matrix[cell.label][cell.predicted] }, isPointed);
  }

  draw() {
    const { classNames, section, frame } = this;
    const { matrix, order } = section;
    const most = order.slice(0, MOST_CLASSES).sort((a, b) => a - b);
    const shown = this.isAll ? classNames.map((_, k) => k) : most;
    const total = (counts) => counts.reduce((sum, n) => sum + n, 0);
    const totals = { rows: matrix.map(total), columns: matrix.map((_, j) => total(matrix.map((row) => row[j]))) };
    const worst = Math.max(1, ...matrix.flatMap((row, i) => row.filter((_, j) => i !== j)));
    const name = (k, scope) => element("th", { scope, title: classNames[k] }, element("span", {}, classNames[k]));
    const head = element(
      "tr",
      {},
      element("td", { class: "corner" }, "predicted →", element("br"), "true ↓"),
      ...shown.map((k) => name(k, "col")),
    );
    const rows = shown.map((i) =>
      element("tr", {}, name(i, "row"), ...shown.map((j) => this.cellOf(i, j, totals, worst))),
    );
    const size = shown.length > 24 ? "tiny" : shown.length > 6 ? "small" : "large";
    const active = /** @type {HTMLElement} */ (document.activeElement);
    const focused = frame.contains(active) && active.dataset.cell;
    const caption = "Confusion matrix: rows are the labels, columns what the model says.";
    frame.replaceChildren(
      element(
        "table",
        { class: `confusion ${size}` },
        element("caption", { class: "hidden" }, caption),
        element("thead", {}, head),
        element("tbody", {}, ...rows),
      ),
    );
    if (focused) frame.querySelector(`[data-cell="${focused}"]`)?.focus();
  }

  cellOf(i, j, totals, worst) {
    const { mode, isDiagonalHidden, classNames, cell } = this;
    const count = this.section.matrix[i][j];
    if (!count || (isDiagonalHidden && i === j)) return element("td", { class: "none" }, count ? "" : "·");
    const share = mode === "columns" ? count / (totals.columns[j] || 1) : count / (totals.rows[i] || 1);
    const depth = i === j ? share * 65 : 12 + 48 * Math.sqrt(isDiagonalHidden ? count / worst : share);
    const words = mode === "counts" ? grouped(count) : (100 * share).toFixed(share < 0.0995 ? 1 : 0);
    const isChosen = Boolean(cell) && cell.label === i && cell.predicted === j;
    const of = `${grouped(count)}, ${percent(share)} of the ${SHARES[mode] ?? "row"}`;
    const button = element(
      "button",
      {
        type: "button",
        "data-cell": `${i},${j}`,
        "aria-pressed": String(isChosen),
        "aria-label": `${classNames[i]} taken for ${classNames[j]}: ${of}`,
        onclick: (event) => this.pick(isChosen ? null : { label: i, predicted: j }, event.detail > 0),
      },
      words,
    );
    return element("td", { class: i === j ? "right" : "wrong", style: `--depth:${depth.toFixed(0)}%` }, button);
  }

  steer(event) {
    const [down, across] = ARROWS[event.key] ?? [0, 0];
    const cell = event.target.closest?.("td");
    if (!cell || (!down && !across)) return;
    event.preventDefault();
    const rows = [...this.frame.querySelectorAll("tbody tr")];
    let [y, x] = [rows.indexOf(cell.parentElement), cell.cellIndex];
    for (;;) {
      [y, x] = [y + down, x + across];
      const next = rows[y]?.cells[x];
      if (!next || x < 1) return;
      if (next.firstElementChild) {
        next.firstElementChild.focus();
        return;
      }
    }
  }

  clear() {
    if (!this.cell) return;
    this.cell = null;
    this.draw();
  }
}

function tick(words, onchange) {
  const box = element("input", { type: "checkbox", onchange: (event) => onchange(event.target.checked) });
  return element("label", { class: "tick" }, box, words);
}

export const mountConfusion = (root, options) => new Confusion(root, options);
