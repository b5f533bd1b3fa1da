// Deciding about one image, a group, or everything that is shown; what is decided already stays as it is.

import { element, grouped } from "tellapart/dom.js";
import { isDoubted, isLeftOut } from "tellapart/facts.js";

const OF_COPIES = new Set(["exact_duplicate", "contradiction", "leak"]);
const many = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
const hasHeading = ({ group }) => group.heading !== null;
const as = (action) => (one) => ({ ...one, action });
const rowsOf = (group) => (group.items ? group.items.map((item) => item.index) : group.rows);
const members = (groups) => groups.flatMap((group) => rowsOf(group).map((row) => ({ row, group })));

class Actions {
  constructor(root, { rows, decisions, tab, shown, onend }) {
    this.root = root;
    this.rows = rows;
    this.decisions = decisions;
    this.tab = tab;
    this.shown = shown;
    this.onend = onend;
  }

  // Leaving out one of several files with the same bytes is about that file; anything else is about the image,
  // wherever it stands.
  isOfFile(row, group) {
    if (!this.decisions.hasCopies(row)) return false;
    const id = this.rows[row].image_id;
    const inGroup = (group?.rows ?? []).some((other) => other !== row && this.rows[other].image_id === id);
    return OF_COPIES.has(this.tab().key) || (group.heading !== null && inGroup);
  }

  decide(chosen) {
    const why = (row) => this.tab().why || this.decisions.of(row)?.why || "review";
    this.decisions.decide(
      chosen.map(({ row, action, group, new: to = null }) => ({
        row,
        action,
        new: to,
        why: why(row),
        isOfFile: action === "exclude" && this.isOfFile(row, group),
      })),
    );
  }

  open(groups, chosen = members(groups)) {
    const left = chosen.filter(({ row }) => !this.decisions.of(row) && !isLeftOut(this.rows[row]));
    return [...new Map(left.map((one) => [one.row, one])).values()];
  }

  // What the finding proposes to leave out: all but the best copy of a group, else the images it names.
  proposed(groups) {
    const { proposal, issue } = this.tab();
    return members(groups).filter(({ row, group }) =>
      group.best === null ? proposal === "exclude" && issue.inside.has(row) : row !== group.best,
    );
  }

  propose(groups) {
    this.decide(this.open(groups, this.proposed(groups)).map(as("exclude")));
  }

  exclude(groups) {
    this.decide(this.open(groups).map(as("exclude")));
  }

  keepRest(groups) {
    this.decide(this.open(groups).map(as("keep")));
  }

  doubted(groups) {
    return this.open(groups).filter(({ row }) => isDoubted(this.rows[row]));
  }

  relabel(groups) {
    const suggested = (row) => this.rows[row].suggested;
    this.decide(this.doubted(groups).map((one) => ({ ...one, action: "relabel", new: suggested(one.row) })));
  }

  only(group, index) {
    this.decide(members([group]).map((one) => ({ ...one, action: one.row === index ? "keep" : "exclude" })));
  }

  // One label of a group holds: what is called so is kept, what is called otherwise is left out.
  itIs(group, label) {
    const isSo = (row) => this.rows[row].label === label;
    this.decide(members([group]).map((one) => ({ ...one, action: isSo(one.row) ? "keep" : "exclude" })));
  }

  tell() {
    this.root.replaceChildren(...this.buttons().filter(Boolean));
  }

  press(words, count, kind, onclick) {
    if (!count) return null;
    const act = () => {
      onclick();
      this.onend();
    };
    return element("button", { type: "button", class: `press ${kind}`, onclick: act }, words);
  }

  buttons() {
    const groups = this.shown();
    const { isGrouped, isPairs, isOfLabels, isOneByOne, key, hasSuggestions, proposal } = this.tab();
    const everyone = members(groups);
    const proposed = this.proposed(groups);
    const [named, left] = [this.open(groups, proposed), this.open(groups)];
    const done = everyone.filter(({ row }) => this.decisions.of(row)).map(({ row }) => row);
    const sets = new Set(named.filter(hasHeading).map(({ group }) => group)).size;
    const isOfBest = isGrouped && groups.some((group) => group.best !== null);
    const isSome = isGrouped && proposed.length > 0 && proposed.length < everyone.length;
    const isWhole = key !== "decided" && !isOfBest && !isSome && !isOneByOne;
    const keep = isPairs ? "All different: keep" : left.length < everyone.length ? "Keep the other" : "Keep the";
    const doubted = this.doubted(groups).length;
    const best = `${isPairs ? "All the same: exclude" : "Exclude"} all but the best copy of ${many(sets, "group")}`;
    const kind = isPairs ? "" : "strong";
    const whole = this.press(
      `Exclude ${many(left.length, "image")}`,
      isWhole ? left.length : 0,
      proposal === "exclude" ? "strong" : "quiet",
      () => this.exclude(groups),
    );
    return [
      isOfBest ? this.press(best, named.length, kind, () => this.propose(groups)) : null,
      isSome && !isOfBest
        ? this.press(`Exclude ${many(named.length, "image")} as proposed`, named.length, "strong", () =>
            this.propose(groups),
          )
        : null,
      hasSuggestions && !isOneByOne
        ? this.press(`Relabel ${many(doubted, "image")} as suggested`, doubted, "", () => this.relabel(groups))
        : null,
      proposal === "exclude" ? whole : null,
      key === "decided" || isOfLabels
        ? null
        : this.press(`${keep} ${grouped(left.length)}`, left.length, "", () => this.keepRest(groups)),
      proposal === "exclude" ? null : whole,
      this.press(`Take back ${many(done.length, "decision")}`, done.length, "", () => this.decisions.takeBack(done)),
    ];
  }
}

export const mountActions = (root, options) => new Actions(root, options);
