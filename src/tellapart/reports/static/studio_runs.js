// Runs: ranked on the images they have in common; starting and stopping a training, its curves, and what flipped.

import { element, grouped, labeledSelect } from "tellapart/dom.js";
import { get } from "tellapart/studio_api.js";
import { curves } from "tellapart/studio_curves.js";
import { followJobs } from "tellapart/studio_jobs.js";
import { mountPage, othersLine } from "tellapart/studio_shell.js";

const RECIPES = [
  ["probe", "probe: linear head"],
  ["finetune", "finetune: backbone too"],
  ["scratch", "scratch: random start"],
  ["auto", "auto: the best in time"],
];
const BACKBONES = ["lite2", "lite0", "lite1"];
const matrix = (run, other) => `/matrix?${new URLSearchParams(other ? { run, other } : { run })}`;

function bar(interval, low, high) {
  if (!interval) return null;
  const at = (value) => (100 * (value - low)) / (high - low || 1);
  const range = element("i", { style: `left:${at(interval.low)}%;width:${at(interval.high) - at(interval.low)}%` });
  const point = element("b", { style: `left:calc(${at(interval.value)}% - 1px)` });
  return element("span", { class: "interval-bar", "aria-hidden": "true" }, range, point);
}

function board(group) {
  const intervals = group.rows.map((row) => row.interval).filter(Boolean);
  const low = Math.min(...intervals.map((one) => one.low));
  const high = Math.max(...intervals.map((one) => one.high));
  const best = group.rows[0].name;
  const row = (one) =>
    element(
      "tr",
      {},
      element(
        "th",
        { scope: "row" },
        element("a", { href: matrix(one.name, "") }, one.name),
        element("small", {}, [one.model, one.day].filter(Boolean).join(", ")),
      ),
      element("td", { "data-label": "Accuracy" }, one.accuracy, bar(one.interval, low, high)),
      element("td", { "data-label": "Log loss" }, one.log_loss),
      element(
        "td",
        {},
        one.name === best ? "the best" : element("a", { href: matrix(one.name, best) }, one.standing),
        one.gain ? element("small", {}, one.gain) : null,
      ),
      element("td", { class: "number", "data-label": "Time" }, one.seconds),
    );
  const heads = ["Run", "Accuracy", "Log loss", "Against the first", "Time"];
  const head = heads.map((words) => element("th", { scope: "col", class: words === "Time" ? "number" : "" }, words));
  return element(
    "div",
    { class: "card-box" },
    element(
      "table",
      { class: "plain stack leaderboard" },
      element("caption", {}, `${grouped(group.n)} ${group.part} images of ${group.images}; lowest log loss first`),
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...group.rows.map(row)),
    ),
  );
}

class TrainForm {
  constructor(jobs, changed) {
    this.jobs = jobs;
    this.chosen = { recipe: "probe", backbone: "lite2", epochs: "", time_limit: "", name: "" };
    const select = (words, key, options) =>
      labeledSelect(words, key, options, (value) => {
        this.chosen[key] = value;
        this.tell();
      });
    const field = (words, key, placeholder) =>
      element(
        "label",
        { class: "select", "data-field": key },
        element("span", {}, words),
        element("input", {
          type: "text",
          placeholder,
          oninput: ({ target }) => {
            this.chosen[key] = target.value.trim();
            this.tell();
          },
        }),
      );
    this.command = element("code", {});
    this.press = element("button", { type: "submit", class: "press strong" }, "Train");
    const words = changed ? `${grouped(changed)} image${changed === 1 ? "" : "s"} changed since the newest run.` : "";
    this.root = element(
      "form",
      { onsubmit: (event) => this.start(event) },
      words ? element("p", {}, words) : null,
      select("Recipe", "recipe", RECIPES),
      select(
        "Backbone",
        "backbone",
        BACKBONES.map((name) => [name, name]),
      ),
      field("Epochs", "epochs", "by default"),
      field("Time limit", "time_limit", "such as 10m"),
      field("Name", "name", "folder and number"),
      this.command,
      this.press,
    );
    this.tell();
  }

  options() {
    const { recipe, backbone, epochs, time_limit: limit, name } = this.chosen;
    const isNetwork = recipe === "finetune" || recipe === "scratch";
    const given = { recipe };
    if (recipe === "probe" || recipe === "finetune") given.backbone = backbone;
    if (isNetwork && /^\d+$/.test(epochs)) given.epochs = Number(epochs);
    if (limit) given.time_limit = limit;
    if (name) given.name = name;
    return given;
  }

  tell() {
    const { recipe } = this.chosen;
    const find = (selector) => this.root.querySelector(selector);
    find("[data-filter=backbone]").hidden = recipe !== "probe" && recipe !== "finetune";
    find("[data-field=epochs]").hidden = recipe !== "finetune" && recipe !== "scratch";
    const flags = Object.entries(this.options()).map(([key, value]) => `--${key.replace("_", "-")} ${value}`);
    this.command.textContent = `tellapart train … ${flags.join(" ")}`;
    this.press.disabled = this.jobs.isRunning("train");
  }

  async start(event) {
    event.preventDefault();
    await this.jobs.start("train", this.options());
    this.tell();
  }
}

async function mount(main, store) {
  const running = element("div", { class: "jobs" });
  const left = element("div", { class: "column" });
  main.append(running, element("div", { class: "runs" }, left, element("div", { class: "column" })));
  let form = null;
  let finished = null;
  const load = async (job) => {
    const before = (await known).groups.flatMap((group) => group.rows.map((row) => row.name));
    known = get("/api/leaderboard");
    const { groups, notes, others } = await known;
    if (job?.kind === "train" && job.result)
      finished = { run: job.result, other: before.find((name) => name !== job.result) };
    const note = notes.map((sentence) => element("p", { class: "muted" }, sentence));
    const empty = element("p", { class: "muted" }, "No run yet.");
    left.replaceChildren(
      element("h2", {}, "Runs"),
      ...(groups.length ? groups.map(board) : [empty]),
      ...note,
      othersLine(others) ?? "",
    );
  };
  const flipped = () => {
    if (!finished) return [];
    const href = matrix(finished.run, finished.other ?? "");
    const link = element(
      "a",
      { class: "press", href },
      finished.other ? `What flipped against ${finished.other}` : "Look at its mistakes",
    );
    return [
      element("div", { class: "card-box job" }, element("h3", {}, `${finished.run} is finished`), element("p"), link),
    ];
  };
  const jobs = followJobs({
    onend: load,
    ontell: () => {
      const drawn = curves(jobs.live);
      running.replaceChildren(...flipped(), ...jobs.cards(), ...(drawn ? [drawn] : []));
      form?.tell();
    },
  });
  let known = get("/api/leaderboard");
  const { changed } = await get("/api/overview");
  form = new TrainForm(jobs, changed);
  main
    .querySelector(".runs > :last-child")
    .append(element("div", { class: "card-box" }, element("h2", {}, "Train"), form.root));
  await Promise.all([load(null), jobs.follow()]);
  store.onchange(() => form.tell());
}

mountPage(mount);
