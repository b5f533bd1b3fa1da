// The images of one finding after the other: filters, groups side by side, and what is decided about them.

import { mountActions } from "tellapart/actions.js";
import { card, dress, heading } from "tellapart/cards.js";
import { choice, element, grouped, labeledSelect } from "tellapart/dom.js";
import { address, facts, fileName, measures, portrait } from "tellapart/facts.js";
import { findings } from "tellapart/findings.js";
import { mountLarge } from "tellapart/large.js";
import { virtualGrid } from "tellapart/virtual.js";

const SHOWN = [
  ["all", "all"],
  ["open", "what is not decided"],
  ["done", "what is decided"],
];
const SURE = [["0", "or not"], ...["80", "90", "95", "99"].map((n) => [String(Number(n) / 100), `at least ${n} %`])];

class Browse {
  // `addressOf` gives where the file of a row is shown from, `onkey` may take a key first, `onopen` hears of tabs;
  // with `hasUnsure` u notes a doubt, and t takes back what u takes back without.
  constructor(
    root,
    {
      view,
      decisions,
      thumbnails,
      addressOf = null,
      onkey = (_key, _item) => false,
      onopen = (_key) => {},
      hasUnsure = false,
    },
  ) {
    const { rows, class_names: classNames, ways } = view;
    this.root = root;
    this.view = view;
    this.rows = rows;
    this.classNames = classNames;
    this.decisions = decisions;
    this.thumbnails = thumbnails;
    this.folder = ways.root;
    this.addressOf = addressOf ?? ((row) => address(ways.root, row));
    this.onownkey = onkey;
    this.onopen = onopen;
    this.keys = { x: "exclude", k: "keep", o: "only", ...(hasUnsure ? { u: "unsure" } : {}) };
    this.tabs = findings(view, decisions);
    const first = this.tabs.find((tab) => tab.count()) ?? this.tabs[0];
    this.state = { tab: first, name: "", part: "", only: "all", sure: "0" };
    this.shown = [];
    this.mountGrids();
    this.actions = mountActions(this.find("whole"), {
      rows,
      decisions,
      tab: () => this.tab(),
      shown: () => this.shown,
      onend: () => this.focus(),
    });
    this.chooser = choice(this.find("tabs"), {
      label: "What was found",
      value: first.key,
      options: this.tabs.map((tab) => [tab.key, tab.title, grouped(tab.count())]),
      onchoice: (key) => this.open(key),
      onend: () => this.focus(),
    });
    this.mountFilters();
    root.addEventListener("keydown", (event) => this.onkey(event));
    this.find("detail").addEventListener("change", () => this.focus());
    root.addEventListener("dblclick", ({ target }) => {
      if (target.closest(".card") && !target.closest("button, .quick")) this.large.show();
    });
    this.change({});
  }

  find(name) {
    return this.root.querySelector(`[data-look=${name}]`);
  }

  tab() {
    return this.state.tab;
  }

  mountGrids() {
    const settings = {
      card: (item) => card(this, item),
      dress: (node, item) => dress(this, node, item),
      label: "Images",
      oncurrent: (item) => {
        this.look(item);
        if (this.large.isOpen()) this.large.show();
      },
    };
    this.single = virtualGrid(this.find("grid"), { ...settings, least: 148, height: 226 });
    const heads = { heading: (group) => heading(this, group), headingHeight: 68 };
    this.grouping = virtualGrid(this.find("groups"), { ...settings, ...heads, least: 148, height: 226 });
    this.large = mountLarge(this.find("dialog"), {
      grid: () => this.grid(),
      facts: (item) => this.factsOf(item),
      image: ({ index }) => this.portraitOf(index),
      pair: (item) => this.pairOf(item),
    });
  }

  mountFilters() {
    const { view, classNames, rows } = this;
    const select = (label, key, options) =>
      labeledSelect(label, key, options, (value) => this.change({ [key]: value }));
    const hasParts = new Set(rows.map((row) => row.part).filter(Boolean)).size > 1;
    this.find("filters").append(
      select("Class", "name", [["", "all classes"], ...classNames.map((name) => [name, name])]),
      ...(hasParts ? [select("Part", "part", [["", "all parts"], ...view.parts.map((part) => [part, part])])] : []),
      select("Show", "only", SHOWN),
      select("Sure", "sure", SURE),
    );
  }

  grid() {
    return this.tab().isGrouped ? this.grouping : this.single;
  }

  focus() {
    this.grid().focus();
  }

  open(key) {
    const tab = this.tabs.find((one) => one.key === key);
    if (!tab) return;
    this.chooser.choose(key);
    this.onopen(key);
    this.change({ tab });
  }

  fits(index) {
    const { tab, name, part, only, sure } = this.state;
    const row = this.rows[index];
    const least = tab.hasSuggestions ? Number(sure) : 0;
    return (
      (!name || row.label === name || row.suggested === name) &&
      (!part || row.part === part) &&
      (only === "all" || (only === "done") === Boolean(this.decisions.of(index))) &&
      (!least || (row.probability ?? 0) >= least)
    );
  }

  change(changed) {
    Object.assign(this.state, changed);
    const { tab } = this.state;
    this.root.querySelector("[data-filter=sure]").hidden = !tab.hasSuggestions;
    const fits = (index) => this.fits(index);
    this.shown = tab
      .groups()
      .filter((group) => group.rows.some(fits))
      .map((group) => ({
        ...group,
        items: group.rows.filter((index) => group.heading !== null || fits(index)).map((index) => ({ index, group })),
      }));
    this.find("grid").hidden = tab.isGrouped;
    this.find("groups").hidden = !tab.isGrouped;
    this.find("explanation").textContent = tab.explanation;
    this.grid().show(tab.isGrouped ? this.shown : this.shown.flatMap((group) => group.items));
    this.tell();
    this.actions.tell();
  }

  tell() {
    const items = this.shown.flatMap((group) => group.items);
    const groups = this.shown.filter((group) => group.heading !== null).length;
    const isBlank = ({ index }) => this.rows[index].image_id && !this.thumbnails[this.rows[index].image_id];
    const blank = items.findIndex(isBlank);
    const images = `${grouped(items.length)} image${items.length === 1 ? "" : "s"}`;
    const count = groups ? `${grouped(groups)} group${groups === 1 ? "" : "s"}, ${images}` : images;
    const own = this.folder ? ", and shown from their file when chosen" : "";
    const rest =
      blank >= 0 && this.view.is_cut
        ? ` To keep this page small, the ${grouped(blank)} worst are shown; the others are named${own}.`
        : "";
    const order = this.tab().isWorstFirst ? ", the worst first" : "";
    this.find("status").textContent = items.length ? `${count}${order}.${rest}` : "No image fits.";
  }

  portraitOf(index) {
    return portrait(this.thumbnails, this.rows[index], this.addressOf(this.rows[index]));
  }

  // The image that one of a group is compared with: the best copy, else the first of the others.
  pairOf({ index, group }) {
    if (group.heading === null || group.rows.length < 2) return null;
    const others = group.rows.filter((row) => row !== index);
    const other = others.includes(group.best) ? group.best : others[0];
    const words = (row) => [this.rows[row].label, measures(this.rows[row]), fileName(this.rows[row])].filter(Boolean);
    return { other: { index: other, group }, words: words(index).join(" · "), otherWords: words(other).join(" · ") };
  }

  look(item) {
    if (!item) {
      this.find("detail").replaceChildren(element("p", { class: "empty" }, "No image is chosen."));
      return;
    }
    const isPair = this.pairOf(item) !== null;
    const title = isPair ? "Larger, side by side (Enter)" : "Larger (Enter)";
    const frame = element(
      "button",
      { type: "button", class: "frame", title, onclick: () => this.large.show() },
      this.portraitOf(item.index),
    );
    this.find("detail").replaceChildren(frame, this.factsOf(item));
  }

  factsOf(item) {
    const { index, group } = item;
    const row = { ...this.rows[index], index };
    const own = (action) => (value) => this.act(action, item, { to: typeof value === "string" ? value : null });
    const names = ["exclude", "keep", "relabel", "only", "takeBack", ...("u" in this.keys ? ["unsure"] : [])];
    const panel = facts(row, {
      issues: this.view.issues,
      classNames: this.classNames,
      decision: this.decisions.of(index),
      group: group.heading === null ? null : group,
      isBest: group.best === index,
      actions: Object.fromEntries(names.map((name) => [name, own(name)])),
    });
    const source = this.addressOf(row);
    const link = { class: "open", href: source, target: "_blank", rel: "noopener" };
    if (source) panel.append(element("a", link, "Open the file"));
    return panel;
  }

  act(action, item, { to = null } = {}) {
    const { index, group } = item;
    if (action === "takeBack") this.decisions.takeBack([index]);
    else if (action === "only") this.actions.only(group, index);
    else if (action === "relabel") {
      const chosen = to ?? this.rows[index].suggested;
      if (!chosen || chosen === this.rows[index].label) return this.menu();
      this.actions.decide([{ row: index, action, group, new: chosen }]);
    } else this.actions.decide([{ row: index, action, group }]);
    return true;
  }

  actAndFocus(action, item) {
    if (this.act(action, item)) this.focus();
  }

  // Decide about a group from its heading: its first image becomes the current one.
  ofGroup(group, decide) {
    this.grid().move(this.grid().indexOf(group.items[0]));
    decide();
    this.focus();
  }

  menu() {
    const select = (this.large.isOpen() ? this.large.facts() : this.find("detail")).querySelector(
      "select[data-look=menu]",
    );
    select?.focus();
    try {
      select?.showPicker();
    } catch {
      /* the list then opens with the arrow keys */
    }
    return false;
  }

  // Keys decide about the current image, so they work where that is seen, and not on the tabs and filters above it.
  onkey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("select, input, textarea, .heads, .rail")) return;
    const item = this.grid().current();
    if (!item) return;
    const key = event.key.toLowerCase();
    const isOnButton = event.target.closest("button, a, summary");
    if (!this.large.isOpen() && this.find("detail").contains(event.target) && this.grid().steer(event)) {
      this.focus();
      return;
    }
    if (this.onownkey(key, item)) event.preventDefault();
    else if (key === "enter" && !isOnButton) this.large.show();
    else if (key === "m") this.menu();
    else if (key === ("u" in this.keys ? "t" : "u")) this.takeBackOrUndo(item);
    else if (key === "r" || key in this.keys) {
      if (this.act(key === "r" ? "relabel" : this.keys[key], item)) this.grid().step(1);
    } else return;
    event.preventDefault();
  }

  takeBackOrUndo(item) {
    if (this.decisions.of(item.index)) {
      this.decisions.takeBack([item.index]);
      return;
    }
    const index = this.decisions.undo();
    if (index !== null) this.reveal(index);
  }

  reveal(index) {
    const item = this.shown.flatMap((group) => group.items).find((one) => one.index === index);
    if (item) this.grid().move(this.grid().indexOf(item));
  }

  redraw() {
    this.grid().redress();
    this.actions.tell();
    const item = this.grid().current();
    if (item) renew(this.find("detail").lastElementChild, this.factsOf(item));
    if (item && this.large.isOpen()) renew(this.large.facts().firstElementChild, this.factsOf(item));
    const own = this.tabs.find((tab) => tab.key === "decided");
    this.find("tabs").querySelector("[data-key=decided] .n").textContent = grouped(own.count());
  }
}

// Put new facts in place of old ones without taking the focus from the button that was pressed.
function renew(old, made) {
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  const act = old.contains(focused) ? focused.dataset.act : null;
  old.replaceWith(made);
  if (act) (made.querySelector(`[data-act="${act}"]`) ?? made.querySelector("[data-act]")).focus();
}

export const mountBrowse = (root, options) => new Browse(root, options);
