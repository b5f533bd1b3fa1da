// Deciding about one picture, a group, or everything that is shown; what is decided already stays as it is.

import { element, grouped } from "tellapart/dom.js";

const OF_COPIES = new Set(["exact_duplicate", "contradiction", "leak"]);

export function mountActions(root, { rows, decisions, tab, shown }) {
  const open = (indices) => [...new Set(indices)].filter((index) => !decisions.of(index));

  // Leaving out one of several files with the same bytes is about that file; anything else is about the picture.
  function decide(chosen) {
    const { key, why, issue } = tab();
    decisions.decide(chosen.map(({ row, action, new: to = null, why: reason }) => ({
      row, action, new: to, why: reason ?? (why || firstIssue(row)),
      isOfFile: action === "exclude" && OF_COPIES.has(issue?.name ?? key) && decisions.hasCopies(row),
    })));
  }
  const firstIssue = (row) => decisions.of(row)?.why || "review";

  const exclude = (indices) => decide(open(indices).map((row) => ({ row, action: "exclude" })));
  const others = (groups) => groups.filter((group) => group.best !== null && group.rows.length > 1).flatMap((group) => group.rows.filter((index) => index !== group.best));
  const all = (groups) => groups.flatMap((group) => (group.items ? group.items.map((item) => item.index) : group.rows));
  const best = (groups) => exclude(others(groups));
  const keepRest = (groups) => decide(open(all(groups)).map((row) => ({ row, action: "keep" })));
  const suggested = (groups) => open(all(groups)).filter((index) => rows[index].suggested !== null && rows[index].suggested !== rows[index].label);

  function only(group, index) {
    decide([{ row: index, action: "keep" }, ...group.rows.filter((row) => row !== index).map((row) => ({ row, action: "exclude" }))]);
  }

  function tell() {
    const groups = shown();
    const { isGrouped, isPairs, key, hasSuggestions, proposal } = tab();
    const [copies, left, doubted] = [open(others(groups)), open(all(groups)), hasSuggestions ? suggested(groups) : []];
    const sets = new Set(copies).size && groups.filter((group) => group.best !== null && open(others([group])).length).length;
    const done = all(groups).filter((index) => decisions.of(index));
    const press = (words, count, kind, onclick) => count ? element("button", { type: "button", class: `press ${kind}`, onclick }, words) : null;
    const isMine = key === "decided";
    const isHeld = root.contains(document.activeElement);
    root.replaceChildren(...[
      isGrouped && others(groups).length ? press(`${isPairs ? "All the same: exclude" : "Exclude"} all but the best copy of ${many(sets, "group")}`, copies.length, proposal === "exclude" ? "strong" : "", () => best(groups)) : null,
      hasSuggestions ? press(`Relabel ${many(doubted.length, "picture")} as suggested`, doubted.length, "", () => decide(doubted.map((row) => ({ row, action: "relabel", new: rows[row].suggested })))) : null,
      isMine || isPairs || (isGrouped && others(groups).length) ? null : press(`Exclude ${many(left.length, "picture")}`, left.length, proposal === "exclude" ? "strong" : "", () => exclude(all(groups))),
      isMine ? null : press(isPairs ? `All different: keep ${grouped(left.length)}` : `Keep the ${left.length < all(groups).length ? "other " : ""}${grouped(left.length)}`, left.length, "", () => keepRest(groups)),
      press(`Take back ${many(done.length, "decision")}`, done.length, "", () => decisions.takeBack(done)),
    ].filter(Boolean));
    if (isHeld) root.querySelector("button")?.focus();
  }

  return { tell, decide, best, keepRest, only };
}

const many = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
