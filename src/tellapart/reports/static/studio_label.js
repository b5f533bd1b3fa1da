// Labels from nothing: piles of images that look alike are named as a whole, the rest is labeled by keys, a batch that
// teaches much is suggested, and a training starts from what has a label by then.

import { choice, element, grouped, labeledSelect } from "tellapart/dom.js";
import { relabeling } from "tellapart/point.js";
import { get } from "tellapart/studio_api.js";
import { mountBench } from "tellapart/studio_bench.js";
import { clusterForm, clusterTitle } from "tellapart/studio_clusters.js";
import { followJobs } from "tellapart/studio_jobs.js";
import { makeLens } from "tellapart/studio_lens.js";
import { mountPage, say } from "tellapart/studio_shell.js";
import { USED } from "tellapart/studio_store.js";

const SHOTS = 4;
const PILES = [["", "as is clear"], ...[5, 10, 20, 40].map((n) => [String(n), `${n} piles`])];
const BATCHES = ["20", "50", "100", "200"];
const isNumber = (key) => /^\d+$/.test(key);

class Labeling {
  constructor(main, store, lens) {
    this.store = store;
    this.lens = lens;
    this.key = new URLSearchParams(location.search).get("pile") ?? "";
    this.chosen = { k: "", n: BATCHES[0] };
    this.batch = { rows: [], guessed: [] };
    this.finished = null;
    this.rail = element("div", { class: "rail", role: "region", "aria-label": "What to label" });
    this.list = element("div", { class: "piles" });
    this.tools = element("div", { class: "pile-tools" });
    this.progress = element("div", { class: "train-box" });
    this.rail.append(this.progress, this.list, this.tools);
    const pane = element("div", { class: "bench-pane" });
    main.append(element("div", { class: "with-piles" }, this.rail, pane));
    this.bench = mountBench(pane, { store, lens, onname: () => this.name()?.focus() });
    this.whole = element("div", { class: "naming" });
    this.status = element("p", { class: "status", role: "status" });
    this.bench.heads.append(this.whole, this.status);
    store.onchange(() => this.recount());
    this.jobs = followJobs({ onend: (job) => this.onend(job), ontell: () => this.tell() });
  }

  async start() {
    await this.fetchBatch();
    this.sort();
    this.draw();
    this.open(this.entries().some(({ key }) => key === this.key) ? this.key : this.first());
    this.bench.focus();
    await this.jobs.follow();
  }

  // The suggested images, with what a run would call them.
  async fetchBatch() {
    this.batch = await get("/api/suggested");
    this.lens.guesses = new Map(this.batch.rows.map((i, place) => [i, this.batch.guessed[place]]));
  }

  // Rows of each pile; those of no pile are among the rest.
  sort() {
    this.piles = new Map((this.lens.map?.clusters ?? []).map(({ number }) => [String(number), []]));
    for (let i = 0; i < this.store.n; i += 1) this.piles.get(String(this.lens.map?.clusterOf[i] ?? -1))?.push(i);
  }

  isOpen(i) {
    const { store } = this;
    return store.state[i] === USED && store.label[i] < 0 && !store.unsure[i];
  }

  // Rows of one entry of the rail.
  rowsOf(key) {
    const { store } = this;
    if (key === "suggested") return this.batch.rows;
    if (key === "rest") return Array.from({ length: store.n }, (_, i) => i).filter((i) => this.isOpen(i));
    return this.piles.get(key) ?? [];
  }

  entries() {
    const piles = (this.lens.map?.clusters ?? []).map((one) => ({
      key: String(one.number),
      title: clusterTitle(one),
      number: this.rowsOf(String(one.number)).filter((i) => this.isOpen(i)).length,
    }));
    piles.sort((a, b) => b.number - a.number);
    const open = (key) => this.rowsOf(key).filter((i) => this.isOpen(i)).length;
    const batch = this.batch.rows.length ? [{ key: "suggested", title: "Suggested", number: open("suggested") }] : [];
    return [...batch, ...piles, { key: "rest", title: "Without a label", number: open("rest") }];
  }

  first() {
    const entries = this.entries();
    return (entries.find(({ number }) => number > 0) ?? entries[0]).key;
  }

  draw() {
    const entries = this.entries();
    const list = element("div", { class: "piles" });
    this.list.replaceWith(list);
    this.list = list;
    choice(list, {
      label: "What to label",
      value: this.key,
      options: entries.map(({ key, title, number }) => [key, title, number ? grouped(number) : "✓"]),
      onchoice: (key) => this.open(key),
      onend: () => this.bench.focus(),
    });
    for (const { key } of entries) {
      const button = this.list.querySelector(`[data-key="${key}"]`);
      const shots = this.shots(key);
      if (shots) button.prepend(shots);
    }
    this.tell();
  }

  shots(key) {
    const rows = this.rowsOf(key);
    if (key === "rest" || !rows.length) return null;
    const step = Math.max(1, Math.floor(rows.length / SHOTS));
    const sources = rows.filter((_, place) => place % step === 0).map((i) => this.store.thumb(i));
    const images = sources.filter(Boolean).slice(0, SHOTS);
    return element(
      "span",
      { class: "shots" },
      ...images.map((src) => element("img", { src, alt: "", draggable: "false" })),
    );
  }

  open(key) {
    this.key = key;
    history.replaceState(null, "", `?${new URLSearchParams({ pile: key })}`);
    this.bench.show(this.rowsOf(key));
    this.mountNaming();
    this.recount();
  }

  // How many images are labeled, and in how many classes.
  labeled() {
    const { store } = this;
    const classes = new Set();
    let n = 0;
    for (let i = 0; i < store.n; i += 1) {
      if (store.state[i] !== USED || store.label[i] < 0) continue;
      n += 1;
      classes.add(store.label[i]);
    }
    return { n, classes: classes.size };
  }

  // The decisions have changed: the numbers follow, the images stay where they are.
  recount() {
    for (const { key, number } of this.entries()) {
      const node = this.list.querySelector(`[data-key="${key}"] .n`);
      if (node) node.textContent = number ? grouped(number) : "✓";
    }
    const rows = this.rowsOf(this.key);
    const left = rows.filter((i) => this.isOpen(i)).length;
    this.status.textContent = `${grouped(rows.length - left)} of ${grouped(rows.length)} done`;
    const press = this.whole.querySelector("[data-pile] [type=submit]");
    if (press) press.textContent = `Label ${grouped(left)}`;
    this.tell();
  }

  // The field in which a pile is named.
  name() {
    return /** @type {HTMLInputElement} */ (this.whole.querySelector("[data-pile] input"));
  }

  mountNaming() {
    const { store, key } = this;
    if (!isNumber(key)) {
      this.whole.replaceChildren();
      return;
    }
    const form = relabeling("Name this pile (p)", store.classNames, (label) => this.label(label), "Label");
    form.dataset.pile = key;
    form.title = "All images of the pile that have no label yet get this one; Undo takes all of them back";
    const cluster = this.lens.map.clusters.find(({ number }) => number === Number(key));
    const renamed = () => {
      this.draw();
      this.bench.focus();
    };
    this.whole.replaceChildren(form, clusterForm(cluster, renamed));
  }

  // Every image of the pile without a label gets one, as one step; then the next pile.
  async label(label) {
    const rows = this.rowsOf(this.key).filter((i) => this.isOpen(i));
    if (!rows.length) {
      say("Every image of this pile has a label already");
      return;
    }
    const step = await this.store.decide("relabel", rows, { label });
    if (!step) return;
    say(`${grouped(step.changed)} called ${label}`);
    this.key = this.first();
    this.draw();
    this.open(this.key);
    (this.name() ?? this.bench.gridRoot).focus();
  }

  tell() {
    const { n, classes } = this.labeled();
    const isRunning = this.jobs.isRunning("train");
    const train = element(
      "button",
      { type: "button", class: "press strong", "data-train": "", onclick: () => this.jobs.start("train") },
      `Train on ${grouped(n)} ${n === 1 ? "label" : "labels"}`,
    );
    train.disabled = classes < 2 || isRunning;
    const words =
      classes < 2
        ? "A training needs images of two classes."
        : `${grouped(classes)} classes; what has no label takes no part.`;
    const after = this.finished
      ? element("a", { class: "press", href: `/matrix?run=${encodeURIComponent(this.finished)}` }, "Its mistakes")
      : null;
    keepFocus(this.progress, train, element("p", { class: "muted" }, words), after, ...this.jobs.cards());
    this.mountTools();
  }

  mountTools() {
    const press = (words, kind, options) => {
      const onclick = () => this.jobs.start(kind, options());
      const made = element("button", { type: "button", class: "press", "data-job": kind, onclick }, words);
      made.disabled = this.jobs.isRunning(kind);
      return made;
    };
    const select = (words, key, options) => {
      const node = labeledSelect(words, key, options, (value) => (this.chosen[key] = value));
      node.querySelector("select").value = this.chosen[key];
      return node;
    };
    const k = () => (this.chosen.k ? { k: Number(this.chosen.k) } : {});
    const n = () => ({ n: Number(this.chosen.n) });
    const canSuggest = this.labeled().classes > 1;
    const batch = canSuggest
      ? [
          select(
            "Batch",
            "n",
            BATCHES.map((size) => [size, `${size} images`]),
          ),
          press(this.batch.rows.length ? "Next batch" : "Suggest", "suggest", n),
        ]
      : [];
    keepFocus(
      this.tools,
      select("Piles", "k", PILES),
      press(this.lens.map ? "Make anew" : "Make piles", "explore", k),
      ...batch,
    );
  }

  async onend(job) {
    if (job.state !== "done") return;
    if (job.kind === "train") this.finished = job.result;
    if (job.kind === "suggest") {
      await this.fetchBatch();
      this.key = "suggested";
    }
    if (job.kind === "explore") {
      await this.lens.useMap();
      this.sort();
      this.key = this.first();
    }
    this.draw();
    if (job.kind === "train") return;
    this.open(this.key);
    this.bench.focus();
  }
}

// Draw the children anew unless the focus is in a menu of them; a button that had it has it again.
function keepFocus(root, ...children) {
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  const isInside = root.contains(focused);
  if (isInside && focused.tagName === "SELECT") return;
  const job = isInside ? focused.dataset.job : null;
  root.replaceChildren(...children.filter(Boolean));
  if (job) root.querySelector(`[data-job=${job}]`)?.focus();
}

async function mount(main, store) {
  const lens = makeLens(store);
  await lens.useMap();
  await new Labeling(main, store, lens).start();
}

mountPage(mount);
