// The review: what the latest check found, on the same bench as the page that can be mailed; decisions go to the log.

import { mountBrowse } from "tellapart/browse.js";
import { element } from "tellapart/dom.js";
import { get } from "tellapart/studio_api.js";
import { mountWaiting } from "tellapart/studio_jobs.js";
import { classKeys } from "tellapart/studio_class_keys.js";
import { mountPage } from "tellapart/studio_shell.js";
import { EXCLUDED } from "tellapart/studio_store.js";

const KEYS =
  "arrows move · x exclude · u unsure · k keep · r relabel as suggested · 1–9 class · m other class · " +
  "t take back · " +
  "o keep only this one of its group · z undo · Enter larger, side by side · f flicker";

// The decisions of the store, as the bench of the mailed page asks for them. What is kept is only remembered here.
class ReviewDecisions {
  constructor(store, view) {
    this.store = store;
    this.list = view.rows;
    this.place = `tellapart-kept:${store.version}:${view.made}`;
    this.kept = new Set(this.remembered());
    this.copies = new Map();
    this.list.forEach(({ image_id: id }, index) => {
      if (id) this.copies.set(id, [...(this.copies.get(id) ?? []), index]);
    });
  }

  remembered() {
    try {
      return JSON.parse(localStorage.getItem(this.place) ?? "[]");
    } catch {
      return [];
    }
  }

  keep(indices, isKept) {
    for (const index of indices) {
      if (isKept) this.kept.add(index);
      else this.kept.delete(index);
    }
    try {
      localStorage.setItem(this.place, JSON.stringify([...this.kept]));
    } catch {
      /* it holds until the page is closed */
    }
    this.store.tell([]);
  }

  of(index) {
    const { store, list } = this;
    const i = list[index].number;
    if (store.state[i] === EXCLUDED) return { row: index, action: "exclude", new: null, why: "", isOfFile: false };
    const label = store.labelName(i);
    if (label !== list[index].label) return { row: index, action: "relabel", new: label, why: "", isOfFile: false };
    if (store.unsure[i]) return { row: index, action: "unsure", new: null, why: "", isOfFile: false };
    return this.kept.has(index) ? { row: index, action: "keep", new: null, why: "", isOfFile: false } : null;
  }

  decide(chosen) {
    const kept = chosen.filter(({ action }) => action === "keep").map(({ row }) => row);
    if (kept.length) this.keep(kept, true);
    const choices = new Map();
    for (const { row, action, new: label, why, isOfFile } of chosen) {
      if (action === "keep") continue;
      const key = JSON.stringify([action, label, why]);
      const rows = action === "exclude" && !isOfFile ? this.copies.get(this.list[row].image_id) : null;
      const choice = choices.get(key) ?? { action, label, reason: why, rows: [] };
      choice.rows.push(...(rows ?? [row]).map((index) => this.list[index].number));
      choices.set(key, choice);
    }
    this.store.decideAll([...choices.values()]);
  }

  takeBack(indices) {
    const kept = indices.filter((index) => this.kept.has(index));
    if (kept.length) this.keep(kept, false);
    const rows = indices.map((index) => this.list[index].number).filter((i) => this.store.isDecided(i));
    if (rows.length) this.store.decide("restore", rows);
  }

  undo() {
    this.store.undo();
    return null;
  }

  hasCopies(index) {
    return (this.copies.get(this.list[index].image_id) ?? []).length > 1;
  }

  rows() {
    return this.list.map((_, index) => index).filter((index) => this.of(index) !== null);
  }

  all() {
    return this.rows().map((index) => this.of(index));
  }

  canUndo() {
    return this.store.canUndo();
  }
}

function workspace() {
  const look = (name, tag = "div", values = {}) => element(tag, { "data-look": name, ...values });
  const close = look("close", "button", { type: "button", class: "press" });
  close.append("Close ", element("kbd", {}, "Esc"));
  const dialog = look("dialog", "dialog", { "aria-label": "The image, larger" });
  dialog.append(close, look("large", "div", { tabindex: "-1" }), look("facts", "div", { class: "side" }));
  const heads = element(
    "div",
    { class: "heads" },
    look("explanation", "p", { class: "muted" }),
    look("filters", "div", { class: "tools" }),
    look("whole", "div", { class: "presses" }),
    look("status", "p", { class: "status", role: "status" }),
  );
  return element(
    "div",
    { class: "gallery look-through" },
    element("div", { class: "rail" }, look("tabs")),
    heads,
    look("grid", "div", { class: "grid-view", id: "grid" }),
    look("groups", "div", { class: "grid-view", id: "groups", hidden: true }),
    look("detail", "div", { class: "side", role: "region", "aria-label": "The image chosen" }),
    element("p", { class: "keys muted" }, KEYS),
    dialog,
  );
}

function mountFindings(main, store, view) {
  for (const issue of view.issues) issue.inside = new Set(issue.rows);
  const decisions = new ReviewDecisions(store, view);
  const thumbnails = Object.fromEntries(view.rows.map((row) => [row.image_id, store.thumb(row.number)]));
  const root = workspace();
  main.replaceChildren(root);
  const keys = classKeys(store.folder);
  const onkey = (key, item) => {
    const name = keys.nameOf(key, store.classNames);
    if (!name) return false;
    const isOfFile = decisions.hasCopies(item.index);
    decisions.decide([{ row: item.index, action: "relabel", new: name, why: "review", isOfFile }]);
    browse.grid().step(1);
    return true;
  };
  const browse = mountBrowse(root, {
    view: { ...view, ways: { root: null }, is_cut: false, class_names: store.classNames },
    decisions,
    thumbnails,
    addressOf: (row) => store.image(row.number),
    onkey,
    hasUnsure: true,
    onopen: (key) => history.replaceState(null, "", `?tab=${encodeURIComponent(key)}`),
  });
  store.onchange(() => browse.redraw());
  browse.open(new URLSearchParams(location.search).get("tab") ?? browse.tab().key);
  browse.focus();
}

async function mount(main, store) {
  const { view } = await get("/api/review");
  const hasAny = view && (view.rows.length > 0 || view.groups.length > 0);
  if (hasAny) {
    mountFindings(main, store, view);
    return;
  }
  const words = view ? "The latest check found nothing." : "There is no check of these images yet.";
  mountWaiting(main, { kind: "check", title: "Review", words, start: "Start a check" });
}

mountPage(mount);
