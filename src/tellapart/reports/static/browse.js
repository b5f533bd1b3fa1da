// The images of one finding after the other: filters, groups side by side, and what is decided about them.

import { mountActions } from "tellapart/actions.js";
import { choice, element, grouped, percent, thumbnail } from "tellapart/dom.js";
import { address, decisionWords, facts, fileName, isDoubted, measures, portrait } from "tellapart/facts.js";
import { findings } from "tellapart/findings.js";
import { mountLarge } from "tellapart/large.js";
import { virtualGrid } from "tellapart/virtual.js";

const KEYS = { x: "exclude", k: "keep", o: "only" };

export function mountBrowse(root, { view, decisions, thumbnails }) {
  const { rows, class_names: classNames, ways: { root: folder } } = view;
  const find = (name) => root.querySelector(`[data-look=${name}]`);
  const tabs = findings(view, decisions);
  const state = { tab: tabs.find((tab) => tab.count()) ?? tabs[0], name: "", part: "", only: "all", sure: "0" };
  const settings = { card, dress, label: "Images", oncurrent: (item) => { look(item); large.isOpen() && large.show(); } };
  const single = virtualGrid(find("grid"), { ...settings, least: 148, height: 226 });
  const grouping = virtualGrid(find("groups"), { ...settings, least: 140, height: 226, heading, headingHeight: 46 });
  const grid = () => (state.tab.isGrouped ? grouping : single);
  const large = mountLarge(find("dialog"), { grid, facts: (item) => factsOf(item),
    image: ({ index }) => portrait(thumbnails, rows[index], address(folder, rows[index])) });
  const actions = mountActions(find("whole"), { rows, decisions, tab: () => state.tab, shown: () => shown, onend: () => grid().focus() });
  const chooser = choice(find("tabs"), { label: "What was found", value: state.tab.key,
    options: tabs.map((tab) => [tab.key, `${tab.title} ${grouped(tab.count())}`]), onchoice: (key) => open(key), onend: () => grid().focus() });
  let shown = [];

  find("filters").append(
    select("Class", "name", [["", "every class"], ...classNames.map((name) => [name, name])]),
    ...(new Set(rows.map((row) => row.part).filter(Boolean)).size > 1
      ? [select("Part", "part", [["", "every part"], ...view.parts.map((part) => [part, part])])] : []),
    select("Show", "only", [["all", "all"], ["open", "what is not decided"], ["done", "what is decided"]]),
    select("Sure", "sure", [["0", "or not"], ["0.8", "at least 80 %"], ["0.9", "at least 90 %"], ["0.95", "at least 95 %"], ["0.99", "at least 99 %"]]));

  function select(label, key, options) {
    return element("label", { class: "select", "data-filter": key }, element("span", {}, label),
      element("select", { onchange: (event) => change({ [key]: event.target.value }) }, ...options.map(([value, words]) => element("option", { value }, words))));
  }

  function open(key) {
    const tab = tabs.find((one) => one.key === key);
    if (!tab) return;
    chooser.choose(key);
    change({ tab });
  }

  function change(changed) {
    Object.assign(state, changed);
    const { tab, name, part, only } = state;
    const sure = tab.hasSuggestions ? Number(state.sure) : 0;
    root.querySelector("[data-filter=sure]").hidden = !tab.hasSuggestions;
    const fits = (index) => {
      const row = rows[index];
      return (!name || row.label === name || row.suggested === name) && (!part || row.part === part)
        && (only === "all" || (only === "done") === Boolean(decisions.of(index))) && (!sure || (row.probability ?? 0) >= sure);
    };
    shown = tab.groups().filter((group) => group.rows.some(fits))
      .map((group) => ({ ...group, items: group.rows.filter((index) => group.heading !== null || fits(index)).map((index) => ({ index, group })) }));
    find("grid").hidden = tab.isGrouped;
    find("groups").hidden = !tab.isGrouped;
    find("explanation").textContent = tab.explanation;
    grid().show(tab.isGrouped ? shown : shown.flatMap((group) => group.items));
    tell();
    actions.tell();
  }

  function tell() {
    const items = shown.flatMap((group) => group.items);
    const groups = shown.filter((group) => group.heading !== null).length;
    const blank = items.findIndex(({ index }) => rows[index].image_id && !thumbnails[rows[index].image_id]);
    const count = groups ? `${grouped(groups)} groups, ${grouped(items.length)} images` : `${grouped(items.length)} images`;
    const rest = blank >= 0 && view.is_cut ? ` To keep this page small, the ${grouped(blank)} worst are shown; the others are named${folder ? ", and shown from their file when chosen" : ""}.` : "";
    find("status").textContent = items.length ? `${count}${state.tab.isWorstFirst ? ", the worst first" : ""}.${rest}` : "No image fits.";
  }

  function card({ index, group }) {
    const row = rows[index];
    const issue = state.tab.issue;
    const score = (state.tab.isGrouped ? null : row.scores[issue?.name]) ?? null;
    const hasSuggestion = state.tab.hasSuggestions && isDoubted(row);
    const small = (words, title, action, kind) => element("button", { type: "button", tabindex: "-1", title, class: kind, onclick: () => { act(action, { index, group }) && grid().focus(); } }, words);
    return element("div", { class: "card look", title: row.path },
      element("span", { class: "badge" }),
      tagOf(index, group),
      thumbnail(thumbnails, row.image_id, ""),
      element("span", { class: "words" }, row.label ?? "no label", ...(hasSuggestion ? [" → ", element("b", { class: "off" }, row.suggested)] : [])),
      element("small", {}, row.status === "unreadable" ? row.reason ?? "" : score !== null
        ? `${hasSuggestion && row.probability !== null ? `${percent(row.probability, 0)} sure` : `score ${score.toFixed(2)}`} · ${fileName(row)}`
        : state.tab.key === "leak" ? [row.part, fileName(row)].filter(Boolean).join(" · ") : measures(row)),
      score !== null && row.status !== "unreadable" ? element("span", { class: "sure" }, element("i", { style: `width:${(100 * score).toFixed(0)}%` })) : element("small", {}, state.tab.key === "leak" ? measures(row) : fileName(row)),
      element("span", { class: "quick" }, small(hasSuggestion ? "✕" : "Exclude", "Leave it out (x)", "exclude", hasSuggestion ? "mini" : ""),
        hasSuggestion ? small(`→ ${row.suggested}`, `Call it ${row.suggested} (r)`, "relabel", "") : null,
        group.isOfLabels && group.kind !== "leak" ? small("Right", "Its label is right: leave out the others (o)", "only", "")
          : small(hasSuggestion ? "✓" : "Keep", "It is right as it is (k)", "keep", hasSuggestion ? "mini" : "")));
  }

  function tagOf(index, group) {
    if (group.best === index) return element("span", { class: "best", title: group.why }, "best copy");
    const isProposed = actions.proposed([group]).some(({ row }) => row === index);
    return group.heading !== null && group.best === null && isProposed && !group.rows.every((row) => state.tab.issue.inside.has(row))
      ? element("span", { class: "best proposed" }, "proposed") : null;
  }

  function dress(node, { index, group }) {
    const decision = decisions.of(index);
    node.className = `card look${decision ? ` is-${decision.action}` : ""}${group.best === index ? " is-best" : ""}${!decision && rows[index].status === "set aside" ? " is-aside" : ""}`;
    const row = rows[index];
    node.querySelector(".badge").textContent = decisionWords(decision) || (row.status === "set aside" ? "Set aside" : "");
    node.setAttribute("aria-label", [row.label ?? "no label", fileName(row), decisionWords(decision)].filter(Boolean).join(", "));
  }

  function heading(group) {
    const [proposed, left] = [actions.proposed([group]), actions.open([group])];
    const press = (words, decide, isOff) => element("button", { type: "button", class: "press small", disabled: isOff, onclick: () => { grid().move(grid().indexOf(group.items[0])); decide(); } }, words);
    const words = state.tab.isPairs ? "Same" : group.best !== null ? "Keep best" : proposed.length < group.rows.length ? "As proposed" : "Exclude all";
    return element("div", { class: "group-head", title: group.why }, element("div", {}, element("b", {}, group.heading), element("span", { class: "muted why" }, group.why),
      element("span", { class: "presses" },
        proposed.length ? press(words, () => actions.propose([group]), !actions.open([group], proposed).length) : null,
        state.tab.isOfLabels ? null : press(state.tab.isPairs ? "Different" : "Keep all", () => actions.keepRest([group]), !left.length))));
  }

  function look(item) {
    if (!item) return find("detail").replaceChildren(element("p", { class: "empty" }, "No image is chosen."));
    const row = { ...rows[item.index], index: item.index };
    const source = address(folder, row);
    const frame = element("button", { type: "button", class: "frame", title: "Larger (Enter)", onclick: large.show }, portrait(thumbnails, row, source));
    return find("detail").replaceChildren(frame, factsOf(item));
  }

  function factsOf(item) {
    const row = { ...rows[item.index], index: item.index };
    const own = (action) => (value) => act(action, item, { to: typeof value === "string" ? value : null });
    const panel = facts(row, { issues: view.issues, classNames, decision: decisions.of(item.index), group: item.group.heading === null ? null : item.group,
      isBest: item.group.best === item.index, actions: { exclude: own("exclude"), keep: own("keep"), relabel: own("relabel"), only: own("only"), takeBack: own("takeBack") } });
    const source = address(folder, row);
    if (source) panel.append(element("a", { class: "open", href: source, target: "_blank", rel: "noopener" }, "Open the file"));
    return panel;
  }

  // Put new facts in place of old ones without taking the focus from the button that was pressed.
  function renew(old, made) {
    const focused = /** @type {HTMLElement} */ (document.activeElement);
    const act = old.contains(focused) ? focused.dataset.act : null;
    old.replaceWith(made);
    if (act) (made.querySelector(`[data-act="${act}"]`) ?? made.querySelector("[data-act]")).focus();
  }

  function act(action, item, { to = null } = {}) {
    const { index, group } = item;
    if (action === "takeBack") decisions.takeBack([index]);
    else if (action === "only") actions.only(group, index);
    else if (action === "relabel") {
      const chosen = to ?? rows[index].suggested;
      if (!chosen || chosen === rows[index].label) return menu();
      actions.decide([{ row: index, action, group, new: chosen }]);
    } else actions.decide([{ row: index, action, group }]);
    return true;
  }

  function menu() {
    const select = (large.isOpen() ? large.facts() : find("detail")).querySelector("select[data-look=menu]");
    select?.focus();
    try { select?.showPicker(); } catch { /* the list then opens with the arrow keys */ }
    return false;
  }

  // Keys decide about the current image, so they work where that is seen, and not on the tabs and filters above it.
  function onkey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, textarea, .heads")) return;
    const item = grid().current();
    if (!item) return;
    const key = event.key.toLowerCase();
    const isOnButton = event.target.closest("button, a, summary");
    if (!large.isOpen() && find("detail").contains(event.target) && grid().steer(event)) { grid().focus(); return; }
    if (key === "enter" && !isOnButton) large.show();
    else if (key === "m") menu();
    else if (key === "u") takeBackOrUndo(item);
    else if (key === "r" || key in KEYS) { if (act(key === "r" ? "relabel" : KEYS[key], item)) grid().step(1); }
    else return;
    event.preventDefault();
  }

  function takeBackOrUndo(item) {
    if (decisions.of(item.index)) return decisions.takeBack([item.index]);
    const index = decisions.undo();
    if (index !== null) reveal(index);
    return null;
  }

  function reveal(index) {
    const item = shown.flatMap((group) => group.items).find((one) => one.index === index);
    if (item) grid().move(grid().indexOf(item));
  }

  root.addEventListener("keydown", onkey);
  find("detail").addEventListener("change", () => grid().focus());
  root.addEventListener("dblclick", (event) => event.target.closest(".card") && !event.target.closest("button") && large.show());

  change({});
  return {
    open,
    reveal,
    focus: () => grid().focus(),
    redraw() {
      grid().redress();
      actions.tell();
      const item = grid().current();
      if (item) renew(find("detail").lastElementChild, factsOf(item));
      if (item && large.isOpen()) renew(large.facts().firstElementChild, factsOf(item));
      const own = tabs.find((tab) => tab.key === "decided");
      find("tabs").querySelector("[data-key=decided]").textContent = `${own.title} ${grouped(own.count())}`;
    },
  };
}
