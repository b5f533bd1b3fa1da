// Deciding about one picture, a group, or everything that is shown; what is decided already stays as it is.

import { element, grouped } from "tellapart/dom.js";

const OF_COPIES = new Set(["exact_duplicate", "contradiction", "leak"]);

export function mountActions(root, { rows, decisions, tab, shown }) {
  // Leaving out one of several files with the same bytes is about that file; anything else is about the picture, wherever it stands.
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
  const others = (groups) => members(groups).filter(({ row, group }) => group.best !== null && group.rows.length > 1 && row !== group.best);
  const open = (chosen) => [...new Map(chosen.filter(({ row }) => !decisions.of(row)).map((one) => [one.row, one])).values()];
  const as = (action) => (one) => ({ ...one, action });
  const isDoubted = ({ row }) => rows[row].suggested !== null && rows[row].suggested !== rows[row].label;
  const exclude = (chosen) => decide(open(chosen).map(as("exclude")));
  const keepRest = (groups) => decide(open(members(groups)).map(as("keep")));
  const best = (groups) => exclude(others(groups));
  const only = (group, index) => decide(members([group]).map(({ row }) => ({ row, group, action: row === index ? "keep" : "exclude" })));

  function tell() {
    const groups = shown();
    const { isGrouped, isPairs, key, hasSuggestions, proposal } = tab();
    const everyone = members(groups);
    const [copies, left] = [open(others(groups)), open(everyone)];
    const doubted = hasSuggestions ? left.filter(isDoubted) : [];
    const sets = new Set(copies.map(({ group }) => group)).size;
    const done = everyone.filter(({ row }) => decisions.of(row)).map(({ row }) => row);
    const press = (words, count, kind, onclick) => count ? element("button", { type: "button", class: `press ${kind}`, onclick }, words) : null;
    const isMine = key === "decided";
    const isHeld = root.contains(document.activeElement);
    root.replaceChildren(...[
      isGrouped && others(groups).length ? press(`${isPairs ? "All the same: exclude" : "Exclude"} all but the best copy of ${many(sets, "group")}`, copies.length, proposal === "exclude" ? "strong" : "", () => best(groups)) : null,
      hasSuggestions ? press(`Relabel ${many(doubted.length, "picture")} as suggested`, doubted.length, "", () => decide(doubted.map((one) => ({ ...one, action: "relabel", new: rows[one.row].suggested })))) : null,
      isMine || isPairs || (isGrouped && others(groups).length) ? null : press(`Exclude ${many(left.length, "picture")}`, left.length, proposal === "exclude" ? "strong" : "", () => exclude(left)),
      isMine ? null : press(isPairs ? `All different: keep ${grouped(left.length)}` : `Keep the ${left.length < everyone.length ? "other " : ""}${grouped(left.length)}`, left.length, "", () => keepRest(groups)),
      press(`Take back ${many(done.length, "decision")}`, done.length, "", () => decisions.takeBack(done)),
    ].filter(Boolean));
    if (isHeld) root.querySelector("button")?.focus();
  }

  return { tell, decide, best, keepRest, only };
}

const many = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
