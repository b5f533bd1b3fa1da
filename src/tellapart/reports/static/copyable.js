// A command with a button that copies it.

import { element } from "tellapart/dom.js";

export async function copied(text, node) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(node);
    try {
      return document.execCommand("copy");
    } catch {
      return false;
    }
  }
}

const REST_MS = 2500;

export function mountCopyable(root) {
  const code = root.querySelector("code");
  const words = "Copy command";
  const press = element("button", { type: "button", class: "press", onclick: copy }, words);
  root.append(press);

  async function copy() {
    press.textContent = (await copied(code.textContent, code)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => {
      press.textContent = words;
    }, REST_MS);
  }
}
