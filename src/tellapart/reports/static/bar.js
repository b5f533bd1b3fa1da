// The bar at the foot of the page: what is decided so far, the file of it, and the command that applies it.

import { copied } from "tellapart/copyable.js";
import { element, grouped } from "tellapart/dom.js";

const FILE = "decisions.jsonl";

// The page names no folder above the photos'. Where it finds them, it knows the whole path, and so a command that
// holds anywhere.
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);
const whole = (way) => quoted(decodeURIComponent(new URL(way, location.href).pathname));

export function mountBar(root, { decisions, command: byName, ways, emptied, onundo }) {
  const find = (name) => root.querySelector(`[data-bar=${name}]`);
  let command = byName;
  find("command").textContent = command;
  document.addEventListener(
    "photosfound",
    () => {
      if (!ways.folder || (byName.includes(" --state ") && !ways.state)) return;
      const state = ways.state ? ` --state ${whole(ways.state)}` : "";
      command = `tellapart decisions ${whole(ways.folder)} --apply ${FILE}${state}`;
      find("command").textContent = command;
      tell();
    },
    { once: true },
  );
  find("undo").addEventListener("click", onundo);
  find("save").addEventListener("click", () => {
    download(decisions.text());
    decisions.saved();
  });
  find("copy").addEventListener("click", async () => {
    const isCopied = await copied(command, find("command"));
    find("copy").textContent = isCopied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => {
      find("copy").textContent = "Copy command";
    }, 2500);
  });
  addEventListener("beforeunload", (event) => {
    if (!decisions.isStored() && !decisions.isSaved()) event.preventDefault();
  });

  function tell() {
    const all = decisions.all();
    const count = (action) => all.filter((decision) => decision.action === action).length;
    const [excluded, relabeled, kept] = [count("exclude"), count("relabel"), count("keep")];
    const words = [
      [excluded, "excluded"],
      [relabeled, "relabeled"],
      [kept, "kept"],
    ]
      .filter(([n]) => n)
      .map(([n, what]) => `${grouped(n)} ${what}`);
    const isEmpty = excluded + relabeled === 0;
    find("counts").textContent = words.length ? words.join(", ") : "Nothing decided yet";
    find("save").disabled = isEmpty;
    find("undo").disabled = !decisions.canUndo();
    root.classList.toggle("has-some", !isEmpty);
    find("note").replaceChildren(...notes(isEmpty, kept).map((sentence) => element("span", {}, sentence)));
  }

  const where = () => (command === byName ? "With that file beside the photos' folder" : "In the folder of that file");

  function notes(isEmpty, kept) {
    const said = emptied().map((name) => `No image of ${name} would be left.`);
    if (decisions.carried()) said.push("Taken over from an earlier page of this folder, where they were not saved.");
    if (!decisions.isStored()) said.push("This browser keeps nothing for this page: save before you close it.");
    if (!said.length && isEmpty)
      said.push(
        kept
          ? "What is kept needs no file."
          : "Images are never touched: decisions are saved as a file, and can be undone.",
      );
    if (!said.length)
      said.push(
        decisions.isSaved()
          ? `Saved. ${where()}, run the command:`
          : `Kept in this browser until you save them. Then, ${where().toLowerCase()}:`,
      );
    return said;
  }

  tell();
  return { tell };
}

function download(text) {
  const blob = new Blob([text], { type: "application/x-ndjson" });
  const link = element("a", { href: URL.createObjectURL(blob), download: FILE });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
