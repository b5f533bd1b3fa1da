// Deciding about one image, a group, or everything that is shown; what is decided already stays as it is.

import { element, grouped } from "tellapart/dom.js";
import { isDoubted, isLeftOut } from "tellapart/facts.js";

const OF_COPIES = new Set(["exact_duplicate", "contradiction", "leak"]);

export function mountActions(root, { rows, decisions, tab, shown, onend }) {
  // Leaving out one of several files with the same bytes is about that file; anything else is about the image, wherever it stands.
  function isOfFile(row, group) {
    if (!decisions.hasCopies(row)) return false;
    const inGroup = (group?.rows ?? []).some((other) => other !== row && rows[other].image_id === rows[row].image_id);
    return OF_COPIES.has(tab().key) || (group.heading !== null && inGroup);
  }

  function decide(chosen) {
    decisions.decide(chosen.map(({ row, action, group, new: to = null }) => ({
      row, action, new: to, why: tab().why || decisions.of(row)?.why || "review", isOfFile: action === "exclude" && isOfFile(row, group),
    })));
  }

  const members = (groups) => groups.flatMap((group) => (group.items ? group.items.map((item) => item.index) : group.rows).map((row) => ({ row, group })));
  const hasHeading = ({ group }) => group.heading !== null;
  const open = (groups, chosen = members(groups)) =>
    [...new Map(chosen.filter(({ row }) => !decisions.of(row) && !isLeftOut(rows[row])).map((one) => [one.row, one])).values()];
  const as = (action) => (one) => ({ ...one, action });

  // What the finding proposes to leave out: all but the best copy of a group, else the images it names.
  const proposed = (groups) => members(groups).filter(({ row, group }) =>
    (group.best === null ? tab().proposal === "exclude" && tab().issue.inside.has(row) : row !== group.best));
  const propose = (groups) => decide(open(groups, proposed(groups)).map(as("exclude")));
  const exclude = (groups) => decide(open(groups).map(as("exclude")));
  const keepRest = (groups) => decide(open(groups).map(as("keep")));
  const relabel = (groups) => decide(doubted(groups).map((one) => ({ ...one, action: "relabel", new: rows[one.row].suggested })));
  const doubted = (groups) => open(groups).filter(({ row }) => isDoubted(rows[row]));
  const only = (group, index) => decide(members([group]).map(({ row }) => ({ row, group, action: row === index ? "keep" : "exclude" })));

  function tell() {
    const groups = shown();
    const { isGrouped, isPairs, isOfLabels, key, hasSuggestions, proposal } = tab();
    const everyone = members(groups);
    const [named, left] = [open(groups, proposed(groups)), open(groups)];
    const sets = new Set(named.filter(hasHeading).map(({ group }) => group)).size;
    const done = everyone.filter(({ row }) => decisions.of(row)).map(({ row }) => row);
    const isOfBest = isGrouped && groups.some((group) => group.best !== null);
    const isSome = isGrouped && proposed(groups).length > 0 && proposed(groups).length < everyone.length;
    const press = (words, count, kind, onclick) => count ? element("button", { type: "button", class: `press ${kind}`, onclick: () => { onclick(); onend(); } }, words) : null;
    const keep = isPairs ? "All different: keep" : left.length < everyone.length ? "Keep the other" : "Keep the";
    root.replaceChildren(...[
      isOfBest ? press(`${isPairs ? "All the same: exclude" : "Exclude"} all but the best copy of ${many(sets, "group")}`, named.length, isPairs ? "" : "strong", () => propose(groups)) : null,
      isSome && !isOfBest ? press(`Exclude ${many(named.length, "image")} as proposed`, named.length, "strong", () => propose(groups)) : null,
      hasSuggestions ? press(`Relabel ${many(doubted(groups).length, "image")} as suggested`, doubted(groups).length, "", () => relabel(groups)) : null,
      key === "decided" || isOfBest || isSome ? null : press(`Exclude ${many(left.length, "image")}`, left.length, proposal === "exclude" ? "strong" : "", () => exclude(groups)),
      key === "decided" || isOfLabels ? null : press(`${keep} ${grouped(left.length)}`, left.length, "", () => keepRest(groups)),
      press(`Take back ${many(done.length, "decision")}`, done.length, "", () => decisions.takeBack(done)),
    ].filter(Boolean));
  }

  return { tell, decide, proposed, propose, open, keepRest, only };
}

const many = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
