// Which images are shown and in what order: chosen above the grid, kept in the address, answered from the columns.

import { element, labeledSelect } from "tellapart/dom.js";
import { ASIDE, EXCLUDED, UNREADABLE, USED } from "tellapart/studio_store.js";

const TYPING_MS = 120;
const UNKNOWN_LAST = 2;
const SHOWS = {
  all: ["everything", () => true],
  used: ["used", (i, { store }) => store.state[i] === USED],
  open: ["not decided", (i, { store }) => !store.isDecided(i)],
  decided: ["decided", (i, { store }) => store.isDecided(i)],
  mistakes: ["mistakes", (i, { lens }) => lens.isMistake(i)],
  excluded: ["excluded", (i, { store }) => store.state[i] === EXCLUDED],
  unsure: ["unsure", (i, { store }) => store.unsure[i] === 1],
  aside: ["set aside", (i, { store }) => store.state[i] === ASIDE],
  unreadable: ["unreadable", (i, { store }) => store.state[i] === UNREADABLE],
};
// From the first to the last: numbers from 0 to 1, null for what is not known, which comes last.
const ORDERS = {
  folder: ["by folder", null],
  loss: ["highest loss", (i, { lens }) => lens.own(i)],
  margin: ["least certain", (i, { lens }) => lens.margin(i)],
  sure: ["surest", (i, { lens }) => (lens.hasPrediction(i) ? 1 - lens.confidence(i) : null)],
  doubt: ["doubtful label", (i, { lens }) => lens.doubt(i)],
  outlier: ["unlike its class", (i, { lens }) => lens.outlier(i)],
  name: ["file name", null],
};
const OF_RUN = new Set(["loss", "margin", "sure"]);
const OF_CHECK = new Set(["doubt", "outlier"]);
const START = {
  class: "",
  said: "",
  cluster: "",
  part: "",
  show: "all",
  issue: "",
  find: "",
  order: "folder",
  run: "",
  blind: "",
};

export const clusterNames = ({ clusters }) =>
  clusters.map(({ number, name }) => [String(number), name ? `${number}: ${name}` : String(number)]);

// Numbers of all rows in an order; sorted as whole numbers, whose lower digits are the row.
export function permutation(n, keyOf) {
  const sorted = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    const key = keyOf(i);
    sorted[i] = Math.round((key === null ? UNKNOWN_LAST : key) * 65536) * 2 ** 28 + i;
  }
  sorted.sort();
  const rows = new Int32Array(n);
  for (let place = 0; place < n; place += 1) rows[place] = sorted[place] % 2 ** 28;
  return rows;
}

function byName(store) {
  const names = Array.from({ length: store.n }, (_, i) => store.file(i));
  const rows = Int32Array.from(names.keys());
  return rows.sort((a, b) => (names[a] < names[b] ? -1 : names[a] > names[b] ? 1 : a - b));
}

class Filters {
  // `onchange` gets the rows to show; `onrun` loads a run before that.
  constructor(root, { store, lens, runs, onchange, onrun }) {
    this.root = root;
    this.store = store;
    this.lens = lens;
    this.runs = runs;
    this.onchange = onchange;
    this.onrun = onrun;
    this.state = { ...START, ...Object.fromEntries(new URLSearchParams(location.search)) };
    this.lens.isBlind = Boolean(this.state.blind);
    this.orders = new Map();
    this.timer = 0;
    this.draw();
    addEventListener("popstate", () => {
      this.state = { ...START, ...Object.fromEntries(new URLSearchParams(location.search)) };
      this.draw();
      this.apply();
    });
  }

  select(words, key, options) {
    const node = labeledSelect(words, key, options, (value) => this.change({ [key]: value }));
    node.querySelector("select").value = this.state[key];
    return node;
  }

  draw() {
    const { store, lens, runs } = this;
    const names = store.classNames.map((name) => [name, name]);
    const issues = (lens.check?.issues ?? []).map(({ name, title }) => [name, title]);
    const shows = Object.entries(SHOWS).filter(([key]) => key !== "mistakes" || lens.run);
    const orders = Object.entries(ORDERS).filter(
      ([key]) => (!OF_RUN.has(key) || lens.run) && (!OF_CHECK.has(key) || lens.check),
    );
    const words = (entries) => entries.map(([key, [said]]) => [key, said]);
    const selects = [
      this.select("Class", "class", [["", "all classes"], ...names, ["-", "no label"]]),
      runs.length ? this.select("Run", "run", [["", "none"], ...runs.map(({ name }) => [name, name])]) : null,
      lens.run ? this.select("Says", "said", [["", "anything"], ...names]) : null,
      this.hasParts() ? this.select("Part", "part", [["", "all parts"], ...store.parts.map((p) => [p, p])]) : null,
      lens.map?.clusters.length
        ? this.select("Cluster", "cluster", [["", "every cluster"], ...clusterNames(lens.map)])
        : null,
      issues.length ? this.select("Issue", "issue", [["", "any or none"], ...issues, ["*", "any"]]) : null,
      this.select("Show", "show", words(shows)),
      this.select("Order", "order", words(orders)),
    ];
    const find = element("input", {
      type: "search",
      placeholder: "Find in names",
      "aria-label": "Find in names",
      value: this.state.find,
      oninput: ({ target }) => {
        clearTimeout(this.timer);
        this.timer = window.setTimeout(() => this.change({ find: target.value }), TYPING_MS);
      },
    });
    const blind = element("input", {
      type: "checkbox",
      onchange: ({ target }) => this.change({ blind: target.checked ? "1" : "" }),
    });
    blind.checked = lens.isBlind;
    const tick = element("label", { class: "tick", title: "Decide without seeing what the run says" }, blind, "Blind");
    this.root.replaceChildren(find, ...selects.filter(Boolean), ...(lens.run ? [tick] : []));
  }

  hasParts() {
    return this.store.part.some((part) => part > 0) || this.lens.run !== null;
  }

  partOf(i) {
    return this.store.part[i] || (this.lens.run?.part[i] ?? 0);
  }

  async change(changed) {
    Object.assign(this.state, changed);
    this.lens.isBlind = Boolean(this.state.blind);
    if ("run" in changed) {
      await this.onrun(this.state.run);
      this.orders.clear();
      if (!this.state.run) Object.assign(this.state, { said: "", order: "folder", show: "all" });
    }
    if ("run" in changed || "blind" in changed) this.draw();
    const given = Object.entries(this.state).filter(([key, value]) => value && value !== START[key]);
    const query = new URLSearchParams(given).toString();
    history.replaceState(null, "", query ? `?${query}` : location.pathname);
    this.apply();
  }

  order() {
    const key = this.state.order in ORDERS ? this.state.order : "folder";
    if (!this.orders.has(key)) {
      const keyOf = ORDERS[key][1];
      const made =
        key === "name"
          ? byName(this.store)
          : keyOf
            ? permutation(this.store.n, (i) => keyOf(i, this))
            : Int32Array.from({ length: this.store.n }, (_, i) => i);
      this.orders.set(key, made);
    }
    return this.orders.get(key);
  }

  // One test for each filter that is set.
  tests() {
    const { store, lens, state } = this;
    const code = (name) => (name === "-" ? -1 : store.classNames.indexOf(name));
    const tests = [];
    const [own, said, part] = [code(state.class), code(state.said), store.parts.indexOf(state.part) + 1];
    if (state.class) tests.push((i) => store.label[i] === own);
    if (state.said && lens.run && !lens.isBlind) tests.push((i) => lens.run.predicted[i] === said);
    if (state.part) tests.push((i) => this.partOf(i) === part);
    if (state.cluster && lens.map) tests.push((i) => lens.map.clusterOf[i] === Number(state.cluster));
    if (state.show !== "all" && SHOWS[state.show]) tests.push((i) => SHOWS[state.show][1](i, this));
    if (state.issue && lens.check) {
      const place = lens.check.issues.findIndex(({ name }) => name === state.issue);
      tests.push(state.issue === "*" ? (i) => lens.check.bits[i] !== 0 : (i) => lens.hasIssue(i, place));
    }
    const words = state.find.trim().toLowerCase();
    if (words) tests.push((i) => store.path(i).toLowerCase().includes(words));
    return tests;
  }

  rows() {
    const tests = this.tests();
    const order = this.order();
    if (!tests.length) return order;
    return order.filter((i) => tests.every((test) => test(i)));
  }

  apply() {
    this.onchange(this.rows());
  }
}

export const mountFilters = (root, options) => new Filters(root, options);
