// What a run and a check say of the images, as columns beside the store's.

import { column } from "tellapart/columns.js";
import { element, percent } from "tellapart/dom.js";
import { get } from "tellapart/studio_api.js";

const FULL = 65535;
const UNKNOWN = 65535;
const share = (values, i) => (values && values[i] !== UNKNOWN ? values[i] / (FULL - 1) : null);

class Lens {
  constructor(store) {
    this.store = store;
    this.run = null;
    this.check = null;
    this.map = null;
    this.isBlind = false;
    this.guesses = new Map();
  }

  // Where explore has placed the images, and its clusters, as columns of points; `clusterOf` by file.
  async useMap() {
    const found = await get("/api/map");
    if (!found.n) return;
    const [row, cluster] = [column(found.row, "i32"), column(found.cluster, "i32")];
    const clusterOf = new Int32Array(this.store.n).fill(-1);
    row.forEach((i, point) => {
      clusterOf[i] = cluster[point];
    });
    const [x, y] = [column(found.x, "u16"), column(found.y, "u16")];
    this.map = { ...found, row, x, y, cluster, clusterOf };
  }

  async useRun(name) {
    this.run = null;
    if (!name) return;
    const found = await get(`/api/runs/${encodeURIComponent(name)}/predictions`);
    this.store.classNames = found.class_names;
    this.run = { name, n: found.n, part: column(found.part, "u8"), predicted: column(found.predicted, "i32") };
    for (const key of ["confidence", "own", "margin"]) this.run[key] = column(found[key], "u16");
  }

  async useCheck() {
    const found = await get("/api/check");
    if (!found.issues) return;
    this.store.classNames = found.class_names;
    this.check = { issues: found.issues, made: found.made, bits: column(found.bits, "i32") };
    this.check.suggested = column(found.suggested, "i32");
    for (const key of ["own", "outlier"]) this.check[key] = column(found[key], "u16");
  }

  hasPrediction(i) {
    return this.run !== null && !this.isBlind && this.run.predicted[i] >= 0;
  }

  // Whether the run is judged on the image.
  isTested(i) {
    return this.hasPrediction(i) && this.run.part[i] > 1;
  }

  predictedName(i) {
    return this.hasPrediction(i) ? this.store.classNames[this.run.predicted[i]] : null;
  }

  isMistake(i) {
    return this.hasPrediction(i) && this.store.label[i] >= 0 && this.run.predicted[i] !== this.store.label[i];
  }

  confidence(i) {
    return share(this.run?.confidence, i) ?? 0;
  }

  // Probability that the run gives the label; the lower, the higher the loss.
  own(i) {
    return share(this.run?.own, i);
  }

  margin(i) {
    return share(this.run?.margin, i);
  }

  // Probability that a model not trained on the image gives its label, by the check.
  doubt(i) {
    return share(this.check?.own, i);
  }

  outlier(i) {
    return share(this.check?.outlier, i);
  }

  hasIssue(i, place) {
    return this.check !== null && ((this.check.bits[i] >> place) & 1) === 1;
  }

  suggests(i, name) {
    if (i === null || this.isBlind) return false;
    const { classNames } = this.store;
    const said = this.check && this.check.suggested[i] >= 0 ? classNames[this.check.suggested[i]] : null;
    return name === said || name === this.guesses.get(i) || (this.isMistake(i) && name === this.predictedName(i));
  }

  bars(i) {
    const issues = (this.check?.issues ?? []).filter((_, place) => this.hasIssue(i, place));
    const suggested =
      this.check && this.check.suggested[i] >= 0 ? this.store.classNames[this.check.suggested[i]] : null;
    const isDoubted = suggested !== null && suggested !== this.store.labelName(i) && !this.isBlind;
    const own = this.doubt(i);
    const words = isDoubted ? `looks like ${suggested}${own === null ? "" : `; its label ${percent(own, 0)}`}` : "";
    if (!issues.length && !words) return null;
    const names = issues.map((issue) => issue.title);
    return element("p", { class: "doubt" }, [...names, words].filter(Boolean).join(" · "));
  }
}

export const makeLens = (store) => new Lens(store);
