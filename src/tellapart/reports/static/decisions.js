// What was decided on this page: kept while the tab is closed, taken back step by step, and written as lines of
// decisions.jsonl.

const HEADROOM = 5_000_000;
const UNSAFE = /[\u007f-\u009f\u2028\u2029]/g;
const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
const nameOf = (row) => JSON.stringify([row.path, row.image_id]);

// A decision: { row, action: "exclude" | "relabel" | "keep", new, why, isOfFile }. One about an image stands at every
// row with its bytes.
class Decisions {
  constructor({ rows, key, made, onchange }) {
    this._rows = rows;
    this.key = key;
    this.made = made;
    this.onchange = onchange;
    this.held = new Map();
    this.steps = [];
    this.copies = new Map();
    this._isSaved = true;
    this._isStored = true;
    this._carried = 0;
    rows.forEach((row, index) => {
      if (!row.image_id) return;
      if (this.copies.has(row.image_id)) this.copies.get(row.image_id).push(index);
      else this.copies.set(row.image_id, [index]);
    });
    this.restore();
  }

  alike(index) {
    return this.copies.get(this._rows[index].image_id) ?? [index];
  }

  put(step) {
    for (const [index, , after] of step) {
      if (after) this.held.set(index, after);
      else this.held.delete(index);
    }
    this._isSaved = false;
    this.store();
    this.onchange();
  }

  decide(chosen) {
    const step = chosen.flatMap((decision) => {
      const isForAll = decision.action !== "keep" && !decision.isOfFile;
      const rows = isForAll ? this.alike(decision.row) : [decision.row];
      return rows.map((index) => [index, this.held.get(index) ?? null, decision]);
    });
    if (!step.length) return;
    this.steps.push(step);
    this.put(step);
  }

  takeBack(indices) {
    const gone = new Set(indices.map((index) => this.held.get(index)).filter(Boolean));
    const taken = [...this.held].filter(([, decision]) => gone.has(decision));
    const step = taken.map(([index, decision]) => [index, decision, null]);
    if (!step.length) return;
    this.steps.push(step);
    this.put(step);
  }

  undo() {
    const step = this.steps.pop();
    if (!step) return null;
    this.put([...step].reverse().map(([index, before, after]) => [index, after, before]));
    return step[0][0];
  }

  store() {
    const kept = this.all().map(({ row, action, new: to, why, isOfFile }) => {
      const { path, image_id: imageId } = this._rows[row];
      return [path, imageId, action, to, why, isOfFile];
    });
    try {
      const text = JSON.stringify({ made: this.made, isSaved: this._isSaved, kept });
      if (text.length > HEADROOM) throw new RangeError("too long");
      localStorage.setItem(this.key, text);
      this._isStored = true;
    } catch {
      this._isStored = false;
    }
  }

  restore() {
    let stored = null;
    try {
      stored = JSON.parse(localStorage.getItem(this.key) ?? "null");
    } catch {
      this._isStored = false;
    }
    if (!stored || !Array.isArray(stored.kept) || (stored.made !== this.made && stored.isSaved)) return;
    const indexOf = new Map(this._rows.map((row, index) => [nameOf(row), index]));
    for (const [path, imageId, action, to, why, isOfFile] of stored.kept) {
      const row = indexOf.get(JSON.stringify([path, imageId]));
      if (row === undefined || (action === "relabel" && this._rows[row].label === to)) continue;
      const decision = { row, action, new: to, why, isOfFile };
      for (const index of action === "keep" || isOfFile ? [row] : this.alike(row)) this.held.set(index, decision);
    }
    this._isSaved = stored.isSaved;
    this._carried = stored.made === this.made ? 0 : this.all().length;
  }

  line({ row, action, new: to, why, isOfFile }) {
    const { path, image_id, label } = this._rows[row];
    const renamed = action === "relabel" ? to : null;
    const content = { action, path, image_id, is_of_file: isOfFile, old: label, new: renamed, why };
    return JSON.stringify(content).replace(UNSAFE, escaped);
  }

  of(index) {
    return this.held.get(index) ?? null;
  }

  hasCopies(index) {
    return this.alike(index).length > 1;
  }

  canUndo() {
    return this.steps.length > 0;
  }

  rows() {
    return [...this.held.keys()].sort((a, b) => a - b);
  }

  all() {
    return [...new Set(this.held.values())];
  }

  isSaved() {
    return this._isSaved;
  }

  isStored() {
    return this._isStored;
  }

  carried() {
    return this._carried;
  }

  text() {
    const changing = this.all().filter((decision) => decision.action !== "keep");
    return changing.map((decision) => `${this.line(decision)}\n`).join("");
  }

  saved() {
    this._isSaved = true;
    this.store();
    this.onchange();
  }
}

export const keepDecisions = (options) => new Decisions(options);
