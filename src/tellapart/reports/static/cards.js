// The cards of the review grid and the headings of its groups: what they show of an image, and the buttons on them.

import { element, percent, thumbnail } from "tellapart/dom.js";
import { badness, decisionWords, fileName, isDoubted, measures } from "tellapart/facts.js";

const MOST_LABELS = 3;

export const labelsOf = (group, rows) => [...new Set(group.rows.map((row) => rows[row].label))].filter(Boolean);

// `browse` gives rows, thumbnails, decisions, actions, tab() and act(action, item, { to }).
export function card(browse, item) {
  const { index, group } = item;
  const row = browse.rows[index];
  const tab = browse.tab();
  const score = (tab.isGrouped ? null : row.scores[tab.issue?.name]) ?? null;
  const isSuggested = tab.hasSuggestions && isDoubted(row);
  const suggestion = isSuggested ? [" → ", element("b", { class: "off" }, row.suggested)] : [];
  return element(
    "div",
    { class: "card look", title: row.path },
    element("span", { class: "badge" }),
    tagOf(browse, item),
    thumbnail(browse.thumbnails, row.image_id, ""),
    element("span", { class: "words" }, row.label ?? "no label", ...suggestion),
    element("small", {}, firstLine(row, tab, score, isSuggested)),
    score !== null && row.status !== "unreadable"
      ? element("span", { class: "sure" }, element("i", { style: badness(score) }))
      : element("small", {}, tab.key === "leak" ? measures(row) : fileName(row)),
    element("span", { class: "quick", "aria-hidden": "true" }, ...quick(browse, item, isSuggested, group)),
  );
}

function firstLine(row, tab, score, isSuggested) {
  if (row.status === "unreadable") return row.reason ?? "";
  if (score === null) {
    return tab.key === "leak" ? [row.part, fileName(row)].filter(Boolean).join(" · ") : measures(row);
  }
  const isShare = isSuggested && row.probability !== null;
  return `${isShare ? `${percent(row.probability, 0)} sure` : `score ${score.toFixed(2)}`} · ${fileName(row)}`;
}

// For the mouse alone: the keys and the buttons beside the grid do the same.
function quick(browse, item, isSuggested, group) {
  const small = (words, title, action, kind = "") =>
    element(
      "span",
      { title, class: kind, "data-quick": action, onclick: () => browse.actAndFocus(action, item) },
      words,
    );
  const { label, suggested } = browse.rows[item.index];
  const mini = isSuggested ? "mini" : "";
  if (group.isOfLabels && group.kind !== "leak") {
    return [
      small("Exclude", "Leave it out (x)", "exclude"),
      small("Right", `It is ${label}: leave out the others (o)`, "only"),
    ];
  }
  return [
    small(isSuggested ? "✕" : "Exclude", "Leave it out (x)", "exclude", mini),
    ...(isSuggested ? [small(`→ ${suggested}`, `Call it ${suggested} (r)`, "relabel")] : []),
    small(isSuggested ? "✓" : "Keep", "It is right as it is (k)", "keep", mini),
  ];
}

function tagOf(browse, { index, group }) {
  if (group.best === index) return element("span", { class: "best", title: group.why }, "best copy");
  if (group.heading === null || group.best !== null) return null;
  const isProposed = browse.actions.proposed([group]).some(({ row }) => row === index);
  const isPart = () => !group.rows.every((row) => browse.tab().issue.inside.has(row));
  return isProposed && isPart() ? element("span", { class: "best proposed" }, "proposed") : null;
}

export function dress(browse, node, { index, group }) {
  const decision = browse.decisions.of(index);
  const row = browse.rows[index];
  const isAside = !decision && row.status === "set aside";
  const kinds = [decision && `is-${decision.action}`, group.best === index && "is-best", isAside && "is-aside"];
  node.className = ["card look", ...kinds].filter(Boolean).join(" ");
  node.querySelector(".badge").textContent = decisionWords(decision) || (row.status === "set aside" ? "Set aside" : "");
  const words = [row.label ?? "no label", fileName(row), decisionWords(decision)];
  node.setAttribute("aria-label", words.filter(Boolean).join(", "));
}

export function heading(browse, group) {
  const tab = browse.tab();
  const [proposed, left] = [browse.actions.proposed([group]), browse.actions.open([group])];
  const press = (words, decide, isOff, title = "") =>
    element(
      "button",
      { type: "button", class: "press small", disabled: isOff, title, onclick: () => browse.ofGroup(group, decide) },
      words,
    );
  const labels = tab.isOfLabels || group.isOfLabels ? labelsOf(group, browse.rows) : [];
  const isAsked = labels.length > 1 && labels.length <= MOST_LABELS && group.kind !== "leak";
  const choices = isAsked
    ? labels.map((label) =>
        press(
          `It is ${label}`,
          () => browse.actions.itIs(group, label),
          !left.length,
          "Leave out what is called otherwise",
        ),
      )
    : [];
  const isPart = proposed.length < group.rows.length;
  const words = tab.isPairs ? "Same" : group.best !== null ? "Keep best" : isPart ? "As proposed" : "Exclude all";
  const isDone = !browse.actions.open([group], proposed).length;
  return element(
    "div",
    { class: "group-head", title: group.why },
    element(
      "div",
      {},
      element("b", {}, group.heading),
      element("span", { class: "muted why" }, group.why),
      element(
        "span",
        { class: "presses" },
        ...choices,
        proposed.length ? press(words, () => browse.actions.propose([group]), isDone) : null,
        tab.isOfLabels
          ? null
          : press(tab.isPairs ? "Different" : "Keep all", () => browse.actions.keepRest([group]), !left.length),
      ),
    ),
  );
}
