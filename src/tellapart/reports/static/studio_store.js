// Every file of the folder as columns, what is decided now, and the way to decide: a step counts when the studio has
// confirmed it. Decisions of other windows and of commands come in by themselves.

import { column, keepNames } from "tellapart/columns.js";
import { get, post } from "tellapart/studio_api.js";

export const STATES = ["used", "excluded", "set aside", "unreadable"];
export const [USED, EXCLUDED, ASIDE, UNREADABLE] = STATES.keys();
const POLL_MS = 1000;
const WAIT_MS = 400;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Store {
  constructor(index, states) {
    this.version = index.version;
    this.folder = index.folder;
    this.n = index.n;
    this.notes = index.notes;
    this.parts = index.parts;
    this.names = keepNames(() => ({ ...index.names, ids: "", id_length: 0 }));
    this.original = column(index.original, "i32");
    this.part = column(index.part, "u8");
    this.label = column(states.label, "i32");
    this.state = column(states.state, "u8");
    this.unsure = column(states.unsure, "u8");
    this.classNames = states.class_names;
    this.seq = states.seq;
    this.listeners = [];
    this.onerror = (_error) => {};
    this.busy = Promise.resolve();
    this.key = `tellapart-steps:${index.version}`;
    this.steps = this.remembered();
    addEventListener("focus", () => this.poll());
    setInterval(() => document.hidden || this.poll(), POLL_MS);
  }

  remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key) ?? "null") ?? { done: [], undone: [] };
    } catch {
      return { done: [], undone: [] };
    }
  }

  remember() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.steps));
    } catch {
      /* another page of this window then cannot redo what was undone here */
    }
  }

  onchange(listener) {
    this.listeners.push(listener);
  }

  path(i) {
    return this.names.path(i);
  }

  file(i) {
    return this.names.file(i);
  }

  thumb(i) {
    return this.state[i] === UNREADABLE ? null : `/thumbs/${this.version}/${i}`;
  }

  image(i) {
    return this.state[i] === UNREADABLE ? null : `/images/${this.version}/${i}`;
  }

  labelName(i) {
    return this.label[i] < 0 ? null : this.classNames[this.label[i]];
  }

  isRelabeled(i) {
    return this.label[i] !== this.original[i];
  }

  isDecided(i) {
    return this.isRelabeled(i) || this.state[i] === EXCLUDED || this.unsure[i] === 1;
  }

  take({ seq, class_names: classNames, rows, version }) {
    if (version !== this.version) location.reload();
    this.classNames = classNames;
    this.seq = seq;
    const changed = [];
    for (const [i, label, state, unsure] of rows) {
      if (this.label[i] === label && this.state[i] === state && this.unsure[i] === unsure) continue;
      this.label[i] = label;
      this.state[i] = state;
      this.unsure[i] = unsure;
      changed.push(i);
    }
    return changed;
  }

  tell(changed) {
    for (const listener of this.listeners) listener(changed);
  }

  // One request after the other, in the order of the keys that were pressed.
  queued(work) {
    const done = this.busy.then(work);
    this.busy = done.catch(() => {});
    return done.catch((error) => {
      this.onerror(error);
      return null;
    });
  }

  poll() {
    return this.queued(async () => {
      const found = await get(`/api/changes?since=${this.seq}`);
      if (found.is_shorter) location.reload();
      if (found.version !== this.version) location.reload();
      else if (found.seq !== this.seq) this.tell(this.take(found));
    });
  }

  decide(action, rows, { label = null, reason = "" } = {}) {
    return this.decideAll([{ action, rows: [...rows], label, reason }]);
  }

  // Several choices as one step.
  decideAll(choices) {
    if (!choices.length) return Promise.resolve(null);
    return this.queued(async () => {
      const { version, seq } = this;
      const step = await post("/api/decisions", { version, seq, choices });
      if (step.batch !== null) this.steps = { done: [...this.steps.done, step.batch], undone: [] };
      return this.confirmed(step);
    });
  }

  // Take over a file of decisions; as a trial, only what it would change.
  apply(name, text, isTrial) {
    return this.queued(async () => {
      const step = await post("/api/apply", { seq: this.seq, name, text, is_trial: isTrial });
      if (step.batch !== null) this.steps = { done: [...this.steps.done, step.batch], undone: [] };
      return this.confirmed(step);
    });
  }

  confirmed(step) {
    this.remember();
    const changed = this.take(step);
    this.tell(changed);
    if (step.emptied?.length) this.onerror(new Error(`No usable image of ${step.emptied.join(", ")} is left.`));
    return { ...step, rows: changed };
  }

  // Take back this window's last step, or, where it has made none, the newest step of all.
  undo() {
    return this.queued(async () => {
      const batch = this.steps.done.at(-1) ?? null;
      const step = await post("/api/undo", { seq: this.seq, batch });
      this.steps = { done: this.steps.done.slice(0, -1), undone: [...this.steps.undone, step.batch] };
      return this.confirmed(step);
    });
  }

  redo() {
    if (!this.steps.undone.length) return Promise.resolve(null);
    return this.queued(async () => {
      const batch = this.steps.undone.at(-1);
      const step = await post("/api/undo", { seq: this.seq, batch });
      this.steps = { done: [...this.steps.done, step.batch], undone: this.steps.undone.slice(0, -1) };
      return this.confirmed(step);
    });
  }

  canUndo() {
    return this.seq > 0;
  }

  canRedo() {
    return this.steps.undone.length > 0;
  }
}

// The store, once the folder is read; `onwait` hears of the reading until then.
export async function openStore(onwait) {
  for (;;) {
    const status = await get("/api/status");
    if (status.is_ready) break;
    onwait(status);
    if (status.error) throw new Error(status.error);
    await pause(WAIT_MS);
  }
  const [index, states] = await Promise.all([get("/api/index"), get("/api/states")]);
  return new Store(index, states);
}
