// What was decided on this page: kept while the tab is closed, taken back step by step, and written as lines of decisions.jsonl.

const HEADROOM = 5_000_000;

// A decision: { row, action: "exclude" | "relabel" | "keep", new, why, isOfFile }. One about an image stands at every row with its bytes.
export function keepDecisions({ rows, key, made, onchange }) {
  const held = new Map();
  const steps = [];
  const copies = new Map();
  let [isSaved, isStored, carried] = [true, true, 0];
  rows.forEach((row, index) => {
    if (!row.image_id) return;
    if (copies.has(row.image_id)) copies.get(row.image_id).push(index);
    else copies.set(row.image_id, [index]);
  });
  const alike = (index) => copies.get(rows[index].image_id) ?? [index];
  const name = (row) => JSON.stringify([row.path, row.image_id]);
  const distinct = () => new Set(held.values());

  function put(step) {
    for (const [index, , after] of step) {
      if (after) held.set(index, after);
      else held.delete(index);
    }
    isSaved = false;
    store();
    onchange();
  }

  function decide(chosen) {
    const step = chosen.flatMap((decision) => {
      const isForAll = decision.action !== "keep" && !decision.isOfFile;
      return (isForAll ? alike(decision.row) : [decision.row]).map((index) => [index, held.get(index) ?? null, decision]);
    });
    if (!step.length) return;
    steps.push(step);
    put(step);
  }

  function takeBack(indices) {
    const gone = new Set(indices.map((index) => held.get(index)).filter(Boolean));
    const step = [...held].filter(([, decision]) => gone.has(decision)).map(([index, decision]) => [index, decision, null]);
    if (!step.length) return;
    steps.push(step);
    put(step);
  }

  function undo() {
    const step = steps.pop();
    if (!step) return null;
    put([...step].reverse().map(([index, before, after]) => [index, after, before]));
    return step[0][0];
  }

  function store() {
    const kept = [...distinct()].map(({ row, action, new: to, why, isOfFile }) => [rows[row].path, rows[row].image_id, action, to, why, isOfFile]);
    try {
      const text = JSON.stringify({ made, isSaved, kept });
      if (text.length > HEADROOM) throw new RangeError("too long");
      localStorage.setItem(key, text);
      isStored = true;
    } catch { isStored = false; }
  }

  function restore() {
    let stored = null;
    try { stored = JSON.parse(localStorage.getItem(key) ?? "null"); } catch { isStored = false; }
    if (!stored || !Array.isArray(stored.kept) || (stored.made !== made && stored.isSaved)) return;
    const indexOf = new Map(rows.map((row, index) => [name(row), index]));
    for (const [path, imageId, action, to, why, isOfFile] of stored.kept) {
      const row = indexOf.get(JSON.stringify([path, imageId]));
      if (row === undefined || (action === "relabel" && rows[row].label === to)) continue;
      const decision = { row, action, new: to, why, isOfFile };
      for (const index of action === "keep" || isOfFile ? [row] : alike(row)) held.set(index, decision);
    }
    isSaved = stored.isSaved;
    carried = stored.made === made ? 0 : distinct().size;
  }

  function line({ row, action, new: to, why, isOfFile }) {
    const { path, image_id, label } = rows[row];
    const text = JSON.stringify({ action, path, image_id, is_of_file: isOfFile, old: label, new: action === "relabel" ? to : null, why });
    return text.replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
  }

  restore();
  return {
    of: (index) => held.get(index) ?? null,
    hasCopies: (index) => alike(index).length > 1,
    decide,
    takeBack,
    undo,
    canUndo: () => steps.length > 0,
    rows: () => [...held.keys()].sort((a, b) => a - b),
    all: () => [...distinct()],
    isSaved: () => isSaved,
    isStored: () => isStored,
    carried: () => carried,
    text: () => [...distinct()].filter((decision) => decision.action !== "keep").map((decision) => `${line(decision)}\n`).join(""),
    saved() { isSaved = true; store(); onchange(); },
  };
}
