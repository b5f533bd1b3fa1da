// The gallery: every image of the folder, filtered and in order, to decide about.

import { element, grouped } from "tellapart/dom.js";
import { get } from "tellapart/studio_api.js";
import { mountBench } from "tellapart/studio_bench.js";
import { mountFilters } from "tellapart/studio_filters.js";
import { makeLens } from "tellapart/studio_lens.js";
import { mountPage, sayError } from "tellapart/studio_shell.js";

async function mount(main, store) {
  const lens = makeLens(store);
  const bench = mountBench(main, { store, lens });
  const tools = element("div", { class: "tools" });
  const status = element("p", { class: "status", role: "status" });
  bench.heads.append(tools, status);
  const asked = new URLSearchParams(location.search).get("run");
  const known = get("/api/runs").catch(() => ({ runs: [] }));
  const onrun = async (name) => {
    try {
      await lens.useRun(name);
    } catch (error) {
      sayError(error);
    }
  };
  const shown = (rows) => {
    bench.show(rows);
    status.textContent = `${grouped(rows.length)} of ${grouped(store.n)} images`;
  };
  const asksFor = (key) => new URLSearchParams(location.search).has(key);
  if (asked || asksFor("issue") || asksFor("cluster"))
    await Promise.all([onrun(asked), lens.useCheck(), lens.useMap()]);
  const filters = mountFilters(tools, { store, lens, runs: asked ? [{ name: asked }] : [], onchange: shown, onrun });
  filters.apply();
  bench.focus();
  performance.mark("tellapart-shown");
  const quietly = (loading) => loading.catch(() => {});
  await Promise.all([lens.check || quietly(lens.useCheck()), lens.map || quietly(lens.useMap())]);
  filters.runs = (await known).runs;
  filters.draw();
}

mountPage(mount);
