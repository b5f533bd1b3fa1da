// Trainings and checks that run beside the studio: starting, stopping, and following them.

import { element } from "tellapart/dom.js";
import { get, post } from "tellapart/studio_api.js";
import { say, sayError } from "tellapart/studio_shell.js";

const EVERY_MS = 1500;
const TITLES = { train: "Training", check: "Check", explore: "Map", suggest: "Suggestion" };

class Jobs {
  // `onend` hears of a job that has ended since the last look, `ontell` of every look.
  constructor({ onend, ontell }) {
    this.onend = onend;
    this.ontell = ontell;
    this.running = new Set();
    this.list = [];
    this.live = null;
    this.isFirst = true;
    this.timer = 0;
  }

  async follow() {
    clearTimeout(this.timer);
    try {
      const found = await get("/api/jobs");
      this.list = found.jobs;
      this.live = found.live;
      this.compare();
      this.ontell();
    } catch (error) {
      sayError(error);
    }
    this.timer = window.setTimeout(() => this.follow(), EVERY_MS);
  }

  compare() {
    const before = this.running;
    this.running = new Set(this.list.filter((job) => job.state === "running").map((job) => job.number));
    const ended = this.list.filter((job) => before.has(job.number) && job.state !== "running");
    for (const job of ended) {
      say(
        `${TITLES[job.kind]} ${job.state}${job.result ? `: ${job.result}` : ""}`,
        job.state === "failed" ? "is-wrong" : "",
      );
      this.onend(job);
    }
  }

  async start(kind, options = {}) {
    try {
      await post("/api/jobs", { kind, options });
      say(`${TITLES[kind]} started`);
    } catch (error) {
      sayError(error);
    }
    return this.follow();
  }

  async stop(job) {
    try {
      await post(`/api/jobs/${job.number}/stop`, {});
      say(`${TITLES[job.kind]} is being stopped`);
    } catch (error) {
      sayError(error);
    }
  }

  isRunning(kind) {
    return this.list.some((job) => job.kind === kind && job.state === "running");
  }

  // A card for what runs, and for what failed last.
  cards() {
    const shown = this.list.filter((job, place) => job.state === "running" || (place === 0 && job.state === "failed"));
    return shown.map((job) => this.card(job));
  }

  card(job) {
    const isRunning = job.state === "running";
    const words = job.lines.at(-1) ?? "starting";
    const stop = element("button", { type: "button", class: "press", onclick: () => this.stop(job) }, "Stop");
    return element(
      "div",
      { class: `card-box job is-${job.state}`, role: "status" },
      element("h3", {}, `${TITLES[job.kind]} ${isRunning ? "runs" : job.state}`),
      isRunning ? element("progress", { "aria-label": "runs" }) : null,
      element("p", { class: "muted" }, isRunning ? words : job.lines.slice(-3).join(" ")),
      isRunning ? stop : null,
    );
  }
}

export const followJobs = (options) => new Jobs(options);

// A page whose content a job has yet to make: what it will show, a button that starts the job, and how far it is. The
// page is loaded again once the job is done.
export function mountWaiting(main, { kind, title, words, start }) {
  const cards = element("div", { class: "jobs" });
  const button = element("button", { type: "button", class: "press strong", onclick: () => jobs.start(kind) }, start);
  const jobs = followJobs({
    onend: (job) => job.state === "done" && location.reload(),
    ontell: () => {
      cards.replaceChildren(...jobs.cards());
      button.disabled = jobs.isRunning(kind);
    },
  });
  main.append(
    element(
      "section",
      { class: "waiting" },
      element("h1", {}, title),
      element("p", { class: "muted" }, words),
      button,
      cards,
    ),
  );
  jobs.follow();
}
