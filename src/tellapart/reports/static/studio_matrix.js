// The confusion matrix of a run, counted from the current labels: a cell shows its images, and all of them can be
// relabeled at once. Beside another run: what one has right and the other wrong.

import { mountConfusion } from "tellapart/confusion.js";
import { element, grouped, labeledSelect, percent } from "tellapart/dom.js";
import { get } from "tellapart/studio_api.js";
import { mountBench } from "tellapart/studio_bench.js";
import { makeLens } from "tellapart/studio_lens.js";
import { mountPage, othersLine, sayError } from "tellapart/studio_shell.js";
import { USED } from "tellapart/studio_store.js";

const TEST = 3;
const FLIPS = [
  { key: "fixed", words: "right here alone", test: (mine, its) => mine && !its },
  { key: "broken", words: "right there alone", test: (mine, its) => !mine && its },
  { key: "both", words: "wrong in both", test: (mine, its) => !mine && !its },
];

class Matrix {
  constructor(main, store, runs, others) {
    this.store = store;
    this.runs = runs;
    this.lens = makeLens(store);
    this.other = makeLens(store);
    this.state = { run: "", other: "", part: "", ...Object.fromEntries(new URLSearchParams(location.search)) };
    this.shown = { kind: "mistakes", cell: null };
    this.tools = element("div", { class: "tools" });
    this.score = element("p", { class: "muted score", role: "status" });
    this.flips = element("div", { class: "flips" });
    this.table = element("div");
    const benchPane = element("div", { class: "bench-pane" });
    const pane = element("div", { class: "matrix-pane" }, this.tools, this.score, this.flips, this.table);
    pane.append(othersLine(others) ?? "");
    main.append(element("div", { class: "with-matrix" }, pane, benchPane));
    this.bench = mountBench(benchPane, { store, lens: this.lens });
    this.status = element("p", { class: "status", role: "status" });
    this.whole = element("div", { class: "presses" });
    this.bench.heads.append(this.whole, this.status);
    store.onchange(() => this.recount());
  }

  async open() {
    const first = this.runs.find(({ name }) => name === this.state.run) ?? this.runs[0];
    await this.change({ run: first.name });
  }

  async change(changed) {
    Object.assign(this.state, changed);
    try {
      if (this.lens.run?.name !== this.state.run) await this.lens.useRun(this.state.run);
      if (this.state.other === this.state.run) this.state.other = "";
      if ((this.other.run?.name ?? "") !== this.state.other) await this.other.useRun(this.state.other);
    } catch (error) {
      sayError(error);
      return;
    }
    if (!this.parts().includes(this.state.part)) this.state.part = this.parts()[0] ?? "";
    const query = new URLSearchParams(Object.entries(this.state).filter(([, value]) => value));
    history.replaceState(null, "", `?${query}`);
    this.shown = { kind: "mistakes", cell: null };
    this.draw();
    this.show();
  }

  // Parts that the run has seen, those it is judged on first.
  parts() {
    const { parts } = this.store;
    const seen = new Set(this.lens.run?.part ?? []);
    return [TEST, TEST - 1, 1].filter((code) => seen.has(code)).map((code) => parts[code - 1]);
  }

  rows() {
    const { lens, store } = this;
    const part = store.parts.indexOf(this.state.part) + 1;
    const rows = [];
    for (let i = 0; i < store.n; i += 1) {
      const isCounted = lens.hasPrediction(i) && store.label[i] >= 0 && store.state[i] === USED;
      if (isCounted && lens.run.part[i] === part) rows.push(i);
    }
    return rows;
  }

  // Classes of the matrix, as codes of the store, and its counts.
  counted() {
    const { lens, store } = this;
    const rows = this.rows();
    const codes = [...new Set(rows.flatMap((i) => [store.label[i], lens.run.predicted[i]]))];
    codes.sort((a, b) => (store.classNames[a] < store.classNames[b] ? -1 : 1));
    const placeOf = new Map(codes.map((code, place) => [code, place]));
    const matrix = codes.map(() => codes.map(() => 0));
    for (const i of rows) matrix[placeOf.get(store.label[i])][placeOf.get(lens.run.predicted[i])] += 1;
    const wrong = codes.map((_, k) => matrix[k].reduce((sum, n, j) => sum + (j === k ? 0 : n + matrix[j][k]), 0));
    const order = codes.map((_, k) => k).sort((a, b) => wrong[b] - wrong[a]);
    return { rows, codes, section: { part: this.state.part, matrix, order } };
  }

  draw() {
    const { store, state } = this;
    const select = (words, key, options) => {
      const node = labeledSelect(words, key, options, (value) => this.change({ [key]: value }));
      node.querySelector("select").value = state[key];
      return node;
    };
    const names = this.runs.map(({ name }) => [name, name]);
    const others = names.filter(([name]) => name !== state.run);
    const parts = this.parts().map((part) => [part, part === "train" ? "train, out of fold" : part]);
    this.tools.replaceChildren(
      select("Run", "run", names),
      select("Part", "part", parts),
      ...(others.length ? [select("Beside", "other", [["", "no other run"], ...others])] : []),
    );
    this.made = this.counted();
    this.confusion = mountConfusion(this.table, {
      sections: [this.made.section],
      classNames: this.made.codes.map((code) => store.classNames[code]),
      onCell: (cell, isPointed) => this.choose(cell, isPointed),
    });
    this.tell();
  }

  tell() {
    const { lens, made } = this;
    const wrong = made.rows.filter((i) => lens.isMistake(i)).length;
    const n = made.rows.length;
    const right = n
      ? `${grouped(n - wrong)} of ${grouped(n)} right, ${percent((n - wrong) / n)}`
      : "No image of this part.";
    this.score.textContent = `${right}${n ? ", counted with the current labels." : ""}`;
    const press = ({ key, words }) => {
      const rows = this.flipped(key);
      const properties = {
        type: "button",
        class: "press",
        "data-flip": key,
        "aria-pressed": String(this.shown.kind === key),
      };
      const onclick = () => this.choose(null, true, key);
      return element("button", { ...properties, onclick }, `${grouped(rows.length)} ${words}`);
    };
    this.flips.replaceChildren(...(this.other.run ? FLIPS.map(press) : []));
  }

  flipped(key) {
    const { test } = FLIPS.find((one) => one.key === key);
    const { lens, other, made } = this;
    return made.rows.filter((i) => other.hasPrediction(i) && test(!lens.isMistake(i), !other.isMistake(i)));
  }

  choose(cell, isPointed, kind = "mistakes") {
    this.shown = { kind: cell ? "cell" : kind, cell };
    if (!cell) this.confusion.clear();
    this.show();
    if (!isPointed) return;
    this.bench.focus();
    this.bench.gridRoot.scrollIntoView({ block: "nearest" });
  }

  meant() {
    const { lens, store, made, shown } = this;
    if (shown.kind === "mistakes") return made.rows.filter((i) => lens.isMistake(i));
    if (shown.kind !== "cell") return this.flipped(shown.kind);
    const [label, predicted] = [made.codes[shown.cell.label], made.codes[shown.cell.predicted]];
    return made.rows.filter((i) => store.label[i] === label && lens.run.predicted[i] === predicted);
  }

  show() {
    const rows = this.meant().sort((a, b) => this.lens.own(a) - this.lens.own(b));
    this.bench.show(rows);
    this.status.textContent = rows.length ? `${grouped(rows.length)} images, the highest loss first` : "No image.";
    const { cell } = this.shown;
    const isWrong = cell && cell.label !== cell.predicted;
    const name = isWrong ? this.store.classNames[this.made.codes[cell.predicted]] : "";
    const relabel = element(
      "button",
      { type: "button", class: "press", onclick: () => this.relabelAll(rows, name) },
      `Relabel all ${grouped(rows.length)} to ${name}`,
    );
    const back = element(
      "button",
      { type: "button", class: "press", onclick: () => this.choose(null, true) },
      "All mistakes",
    );
    this.whole.replaceChildren(
      ...(isWrong && rows.length ? [relabel] : []),
      ...(this.shown.kind === "mistakes" ? [] : [back]),
    );
  }

  async relabelAll(rows, label) {
    this.bench.warn(rows);
    await this.store.decide("relabel", rows, { label });
    this.bench.focus();
  }

  // The labels have changed: the counts follow, the images stay where they are.
  recount() {
    if (!this.confusion) return;
    const codes = this.made.codes.join();
    const made = this.counted();
    if (made.codes.join() !== codes) {
      this.draw();
      return;
    }
    this.made = made;
    this.confusion.sections = [made.section];
    this.confusion.section = made.section;
    this.confusion.draw();
    this.tell();
  }
}

async function mount(main, store) {
  const { runs, others } = await get("/api/runs");
  if (!runs.length) {
    const words = "There is no run of these images yet: the overview and the page of runs start a training.";
    main.append(
      element(
        "section",
        { class: "waiting" },
        element("h1", {}, "Matrix"),
        element("p", { class: "muted" }, words),
        othersLine(others),
      ),
    );
    return;
  }
  await new Matrix(main, store, runs, others).open();
}

mountPage(mount);
