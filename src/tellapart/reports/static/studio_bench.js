// The bench: images side by side, the one looked at in full, what can be decided about it or about all that are
// selected, by keys or by buttons. Every page that shows images has one.

import { element, grouped } from "tellapart/dom.js";
import { mountLarge } from "tellapart/large.js";
import { relabeling } from "tellapart/point.js";
import { panel } from "tellapart/studio_panel.js";
import { classKeys } from "tellapart/studio_class_keys.js";
import { say } from "tellapart/studio_shell.js";
import { ASIDE, EXCLUDED, UNREADABLE, USED } from "tellapart/studio_store.js";
import { get } from "tellapart/studio_api.js";
import { virtualGrid } from "tellapart/virtual.js";

const DETAILS_MS = 90;
const AHEAD = 24;
const BADGES = { [EXCLUDED]: "Excluded", [ASIDE]: "Set aside", [UNREADABLE]: "Unreadable" };
const KEYS =
  "1–9 class · x exclude · u unsure · r restore · z undo · Shift+z redo · l other class · Enter larger · " +
  "Shift+arrows, Space, Ctrl+a select · Esc clear selection";
const DONE = { exclude: "excluded", unsure: "marked as unsure", restore: "restored" };
let benches = 0;

class Bench {
  // `lens` gives what a run and a check say of an image, see studio_lens.js; `onname` hears of p, which names a pile.
  constructor(root, { store, lens, label = "Images", onname = null }) {
    this.store = store;
    this.lens = lens;
    this.onname = onname;
    this.keys = classKeys(store.folder);
    this.selected = new Set();
    this.anchor = -1;
    this.details = new Map();
    this.timer = 0;
    this.hasAdvance = true;
    this.forms = {};
    this.build(root, label);
    this.grid = virtualGrid(this.gridRoot, {
      card: (i) => this.card(i),
      dress: (node, i) => this.dress(node, i),
      least: 128,
      height: 158,
      label,
      oncurrent: (i) => this.look(i),
    });
    this.gridRoot.setAttribute("aria-multiselectable", "true");
    this.large = mountLarge(this.dialog, {
      grid: () => this.grid,
      facts: (i) => panel(i, this, this.form("large")),
      image: (i) => this.portrait(i),
    });
    root.addEventListener("keydown", (event) => this.onkey(event));
    this.gridRoot.addEventListener("click", (event) => this.onclick(event));
    this.gridRoot.addEventListener("dblclick", () => this.large.show());
    store.onchange((changed) => this.redraw(changed));
    this.holdWhilePressed(root);
  }

  // A button that is moved between press and release gets no click: until then nothing beside the grid is drawn anew.
  holdWhilePressed(root) {
    this.isPressed = false;
    this.isLate = false;
    root.addEventListener("pointerdown", () => {
      this.isPressed = true;
    });
    const release = () => {
      this.isPressed = false;
      if (this.isLate) setTimeout(() => this.redrawFacts());
      this.isLate = false;
    };
    for (const kind of ["pointerup", "pointercancel", "blur"]) addEventListener(kind, release);
  }

  build(root, label) {
    benches += 1;
    this.heads = element("div", { class: "heads" });
    this.gridRoot = element("div", { class: "grid-view", id: `bench-${benches}` });
    this.side = element("div", { class: "side", role: "region", "aria-label": "The image chosen" });
    const close = element("button", { type: "button", class: "press", "data-look": "close" }, "Close ");
    close.append(element("kbd", {}, "Esc"));
    this.dialog = element(
      "dialog",
      { "aria-label": "The image, larger" },
      close,
      element("div", { "data-look": "large", tabindex: "-1" }),
      element("div", { class: "side", "data-look": "facts" }),
    );
    this.warning = element("div", { class: "warning", role: "alert" });
    this.heads.append(this.warning);
    const keys = element("p", { class: "keys muted" }, this.onname ? `p name the pile · ${KEYS}` : KEYS);
    const bench = element("div", { class: "bench gallery", "aria-label": label });
    bench.append(this.heads, this.gridRoot, this.side, keys, this.dialog);
    root.append(bench);
  }

  card(i) {
    const source = this.store.thumb(i);
    const picture = source
      ? element("img", { src: source, alt: "", decoding: "async", draggable: "false" })
      : element("span", { class: "no-image" });
    return element(
      "div",
      { class: "card", title: this.store.path(i) },
      picture,
      element("span", { class: "words" }),
      element("small", {}, this.store.file(i)),
    );
  }

  dress(node, i) {
    const { store, lens } = this;
    const isWrong = lens.isMistake(i);
    const kinds = [
      "card",
      isWrong && "wrong",
      store.state[i] === EXCLUDED && "is-exclude",
      store.unsure[i] && "is-unsure",
      store.state[i] >= ASIDE && "is-aside",
      store.state[i] === USED && store.isRelabeled(i) && "is-relabel",
      this.selected.has(i) && "is-selected",
    ];
    node.className = kinds.filter(Boolean).join(" ");
    const label = store.labelName(i) ?? "no label";
    const words = isWrong ? `${label} → ${lens.predictedName(i)}` : label;
    node.children[1].textContent = words;
    const was = store.isRelabeled(i) ? `was ${store.classNames[store.original[i]] ?? "not labeled"}` : "";
    node.dataset.badge = BADGES[store.state[i]] ?? (store.unsure[i] ? "Unsure" : was);
    node.setAttribute("aria-label", [words, store.file(i), node.dataset.badge].filter(Boolean).join(", "));
    if (this.selected.size) node.setAttribute("aria-checked", String(this.selected.has(i)));
  }

  portrait(i) {
    const frame = element("div", { class: "portrait" });
    const { store } = this;
    if (!store.image(i)) {
      frame.append(element("span", { class: "no-image", role: "img", "aria-label": "no image" }));
      return frame;
    }
    const small = element("img", { src: store.thumb(i), alt: store.file(i), draggable: "false" });
    frame.append(small);
    setTimeout(() => {
      if (!frame.isConnected) return;
      const file = element("img", { class: "file", alt: store.file(i), draggable: "false" });
      file.addEventListener("load", () => small.replaceWith(file));
      file.src = store.image(i);
    }, DETAILS_MS);
    return frame;
  }

  facts(i) {
    return panel(i, this, this.form("side"));
  }

  // The field for another class, of the side or of the large view; made anew only when there are new classes.
  form(place) {
    const { classNames } = this.store;
    const held = this.forms[place];
    if (held?.n === classNames.length) return held.node;
    const onname = (label) => {
      this.act("relabel", { label });
      this.form(place).querySelector("input").value = "";
      this.refocus();
    };
    const node = relabeling("Another class …", classNames, onname, "Relabel");
    this.forms[place] = { n: classNames.length, node };
    return node;
  }

  refocus() {
    if (this.large.isOpen()) this.dialog.querySelector("[data-look=large]").focus();
    else this.focus();
  }

  look(i) {
    clearTimeout(this.timer);
    this.redrawSide();
    if (this.large.isOpen()) this.large.show();
    if (i === null) return;
    this.timer = window.setTimeout(() => {
      this.fetchDetails(i);
      this.prefetch();
    }, DETAILS_MS);
  }

  async fetchDetails(i) {
    try {
      this.details.set(i, await get(`/api/images/${i}`));
    } catch {
      return;
    }
    if (this.grid.current() === i) this.redrawFacts();
  }

  // The thumbnails below what is seen, so that nothing waits for them.
  prefetch() {
    const { grid, store } = this;
    const last = Math.max(-1, ...[...grid.alive.keys()].filter((key) => typeof key === "number"));
    for (const i of grid.items.slice(last + 1, last + 1 + AHEAD)) {
      const source = store.thumb(i);
      if (source) new Image().src = source;
    }
  }

  redrawSide() {
    const i = this.grid?.current() ?? null;
    if (i === null) {
      this.side.replaceChildren(element("p", { class: "empty muted" }, "No image fits."));
      return;
    }
    const frame = element(
      "button",
      { type: "button", class: "frame", title: "Larger (Enter)", onclick: () => this.large.show() },
      this.portrait(i),
    );
    this.side.replaceChildren(frame, this.facts(i));
  }

  redrawFacts() {
    const i = this.grid.current();
    if (this.isPressed) this.isLate = true;
    if (i === null || this.isPressed) return;
    const focused = /** @type {HTMLElement} */ (document.activeElement);
    const isOwn = this.side.contains(focused);
    const act = isOwn ? focused.dataset.act : null;
    const isOpen = this.side.querySelector("details")?.open;
    this.side.lastElementChild.replaceWith(this.facts(i));
    if (isOpen) this.side.querySelector("details").open = true;
    if (act) (this.side.querySelector(`[data-act="${CSS.escape(act)}"]`) ?? this.gridRoot).focus();
    else if (isOwn) (focused.isConnected ? focused : this.gridRoot).focus();
    if (!this.large.isOpen()) return;
    const isTyping = this.large.facts().contains(focused) && focused.tagName === "INPUT";
    this.large.facts().replaceChildren(panel(i, this, this.form("large")));
    if (isTyping) focused.focus();
  }

  // What has changed is drawn anew, and nothing else; everything where it is not said what.
  redraw(changed) {
    for (const i of changed) this.details.delete(i);
    const { grid } = this;
    if (changed.length === 0) grid.redress();
    const isChanged = new Set(changed);
    for (const [key, node] of grid.alive) if (isChanged.has(grid.items[key])) this.dress(node, grid.items[key]);
    const i = grid.current();
    if (changed.length === 0 || isChanged.has(i) || this.selected.size) this.redrawFacts();
    if (i !== null && isChanged.has(i)) this.fetchDetails(i);
  }

  // Show these images, which are numbers of rows.
  show(items) {
    this.selected.clear();
    this.grid.show(items);
  }

  focus() {
    this.grid.focus();
  }

  // What a decision is about: the selection, or the current image.
  meant() {
    if (this.selected.size) return [...this.selected];
    const i = this.grid.current();
    return i === null ? [] : [i];
  }

  async act(action, { label = null, reason = "" } = {}) {
    const rows = this.meant();
    if (!rows.length) return;
    const isOne = !this.selected.size;
    if (action === "relabel") this.warn(rows);
    const done = this.store.decide(action, rows, { label, reason });
    if (isOne && this.hasAdvance) this.grid.step(1);
    const step = await done;
    if (!step || isOne) return;
    this.select([]);
    say(`${grouped(step.changed)} ${action === "relabel" ? `called ${label}` : DONE[action]}`);
  }

  // Whoever relabels test images by what the run says of them makes its score too good.
  warn(rows) {
    const { lens } = this;
    if (lens.isBlind || this.warning.childElementCount || !rows.some((i) => lens.isTested(i))) return;
    const hide = () => {
      lens.isBlind = true;
      this.redraw([]);
      this.warning.replaceChildren();
      this.focus();
    };
    this.warning.append(
      "You relabel test images while you see what the run says: its score becomes too good.",
      element("button", { type: "button", class: "press", onclick: hide }, "Hide what it says"),
    );
  }

  select(rows) {
    this.selected = new Set(rows);
    this.grid.redress();
    this.redrawFacts();
  }

  selectTo(index) {
    const from = this.anchor < 0 ? index : this.anchor;
    const [low, high] = [Math.min(from, index), Math.max(from, index)];
    this.select(this.grid.items.slice(low, high + 1));
  }

  toggle(i) {
    const next = new Set(this.selected);
    if (!next.delete(i)) next.add(i);
    this.select(next);
  }

  onclick(event) {
    const node = event.target.closest("[data-index]");
    if (!node) return;
    const index = Number(node.dataset.index);
    if (event.shiftKey) this.selectTo(index);
    else if (event.ctrlKey || event.metaKey) this.toggle(this.grid.items[index]);
    else if (this.selected.size) this.select([]);
    if (!event.shiftKey) this.anchor = index;
  }

  onkey(event) {
    const target = /** @type {Element} */ (event.target);
    if (event.altKey || target.closest("input, select, textarea")) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === "a" && this.gridRoot.contains(target)) {
      this.select([...this.grid.items]);
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || key === "z") return;
    if (key.startsWith("arrow") && !this.large.isOpen()) {
      if (this.side.contains(target) && this.grid.steer(event)) this.focus();
      if (event.shiftKey) this.selectTo(this.grid.at);
      else this.anchor = this.grid.at;
      return;
    }
    if (this.onletter(key, target)) event.preventDefault();
  }

  onletter(key, target) {
    const name = this.keys.nameOf(key, this.store.classNames);
    const isOnButton = target.closest("button, a, summary");
    if (name) this.act("relabel", { label: name });
    else if (key === "x") this.act("exclude");
    else if (key === "u") this.act("unsure");
    else if (key === "r") this.act("restore");
    else if (key === "p" && this.onname) this.onname();
    else if (key === "l") this.side.querySelector("input[type=text]")?.focus();
    else if (key === "enter" && !isOnButton) this.large.show();
    else if (key === " " && !isOnButton) this.toggle(this.grid.current());
    else if (key === "escape" && this.selected.size) this.select([]);
    else return false;
    return true;
  }
}

export const mountBench = (root, options) => new Bench(root, options);
