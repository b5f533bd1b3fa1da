// The first page: what to do next and what it is worth; then classes, findings and runs, each number a link to what it
// counts.

import { element, grouped, percent } from "tellapart/dom.js";
import { get } from "tellapart/studio_api.js";
import { followJobs } from "tellapart/studio_jobs.js";
import { mountPage } from "tellapart/studio_shell.js";

const place = (page, values) => `/${page}?${new URLSearchParams(values)}`;
const cell = (n, href) =>
  element("td", { class: "number" }, n ? element("a", { href }, grouped(n)) : element("span", { class: "muted" }, "·"));

function head({ n, states, unsure, unlabeled, classes, decisions }) {
  const fact = (number, words, href) =>
    number ? element("a", { class: "fact", href }, element("b", {}, grouped(number)), ` ${words}`) : null;
  return element(
    "section",
    { class: "facts-line" },
    fact(n, n === 1 ? "file" : "files", "/gallery"),
    fact(classes.length, classes.length === 1 ? "class" : "classes", "#classes"),
    fact(states.used, "used", "/gallery?show=used"),
    fact(unlabeled, "without a label", "/gallery?class=-"),
    fact(states.excluded, "excluded", "/gallery?show=excluded"),
    fact(unsure, "unsure", "/gallery?show=unsure"),
    fact(states["set aside"], "set aside", "/gallery?show=aside"),
    fact(states.unreadable, "unreadable", "/gallery?show=unreadable"),
    fact(decisions, decisions === 1 ? "step of yours" : "steps of yours", "/gallery?show=decided"),
  );
}

function nextSteps(steps, jobs) {
  const card = ({ key, title, why, href, job }, number) => {
    const words = { class: `press ${number ? "" : "strong"}` };
    const action = href
      ? element("a", { ...words, href }, "Look")
      : job
        ? element(
            "button",
            { ...words, type: "button", disabled: jobs.isRunning(job), onclick: () => jobs.start(job) },
            "Start",
          )
        : null;
    return element(
      "li",
      { class: "step", "data-step": key },
      element("div", {}, element("h3", {}, title), element("p", { class: "muted" }, why)),
      action,
    );
  };
  return element(
    "section",
    { class: "card-box", id: "next" },
    element("h2", {}, "Next"),
    steps.length
      ? element("ol", { class: "steps" }, ...steps.map(card))
      : element("p", { class: "muted" }, "Nothing is left to do."),
  );
}

function classTable({ classes, parts, states }) {
  if (!classes.length) return null;
  const most = Math.max(1, ...classes.map((row) => row.n));
  const isAnyOut = states.excluded > 0;
  const every = ["train", "val", "test"];
  const bar = (n) =>
    element("span", { class: "meter" }, element("i", { style: `width:${((100 * n) / most).toFixed(1)}%` }));
  const row = (one) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, element("a", { href: place("gallery", { class: one.name }) }, one.name)),
      cell(one.n, place("gallery", { class: one.name, show: "used" })),
      element("td", { class: "share" }, bar(one.n)),
      ...parts.map((part) => cell(one.parts[every.indexOf(part)], place("gallery", { class: one.name, part }))),
      isAnyOut ? cell(one.excluded, place("gallery", { class: one.name, show: "excluded" })) : null,
    );
  const heads = ["Images", "", ...parts, ...(isAnyOut ? ["excluded"] : [])];
  const headCells = heads.map((words) => element("th", { scope: "col", class: words ? "number" : "" }, words));
  return element(
    "section",
    { class: "card-box", id: "classes" },
    element("h2", {}, "Classes"),
    element(
      "div",
      { class: "scroll" },
      element(
        "table",
        { class: "plain classes" },
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Class"), ...headCells)),
        element("tbody", {}, ...classes.map(row)),
      ),
    ),
  );
}

function issueList({ issues, made }) {
  const found = (issues ?? []).filter((issue) => issue.n);
  if (!found.length) return null;
  const line = ({ name, title, n }) =>
    element("li", {}, element("a", { href: place("review", { tab: name }) }, title), element("span", {}, grouped(n)));
  return element(
    "section",
    { class: "card-box" },
    element("h2", {}, "Findings"),
    element("ul", { class: "list" }, ...found.map(line)),
    made ? element("p", { class: "muted when" }, `check of ${made.slice(0, 16).replace("T", " ")}`) : null,
  );
}

function runList({ runs }) {
  if (!runs.length) return null;
  const line = ({ name, recipe, backbone, part, accuracy }) =>
    element(
      "li",
      {},
      element("a", { href: place("matrix", { run: name }) }, name),
      element("span", { class: "muted" }, [recipe, backbone].filter(Boolean).join(", ")),
      accuracy
        ? element(
            "span",
            { title: `${percent(accuracy.low)} to ${percent(accuracy.high)}, 95 %` },
            `${percent(accuracy.value)} ${part}`,
          )
        : null,
    );
  return element(
    "section",
    { class: "card-box" },
    element("h2", {}, "Runs"),
    element("ul", { class: "list" }, ...runs.map(line)),
    element("p", { class: "when" }, element("a", { href: "/runs" }, "All runs")),
  );
}

function notes({ notes: sentences }) {
  if (!sentences.length) return null;
  return element("section", {}, element("ul", { class: "notes" }, ...sentences.map((one) => element("li", {}, one))));
}

async function mount(main, store) {
  const running = element("div", { class: "jobs" });
  const body = element("div", { class: "overview" });
  main.append(running, body);
  let view = null;
  const draw = () => {
    const left = element("div", { class: "column" }, nextSteps(view.next, jobs), classTable(view), notes(view));
    const right = [issueList(view), runList(view)].filter(Boolean);
    body.classList.toggle("is-single", !right.length);
    body.replaceChildren(head(view), left, ...(right.length ? [element("div", { class: "column" }, ...right)] : []));
  };
  const load = async () => {
    view = await get("/api/overview");
    draw();
  };
  const jobs = followJobs({ onend: load, ontell: () => running.replaceChildren(...jobs.cards()) });
  await load();
  jobs.follow().then(draw);
  store.onchange(load);
}

mountPage(mount);
