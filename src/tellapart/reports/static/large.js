// The current image as large as the window: Enter opens it, the left and right arrows go on to the next, Esc closes it.

export function mountLarge(dialog, { image, facts, grid }) {
  const find = (name) => dialog.querySelector(`[data-look=${name}]`);

  function show() {
    const item = grid().current();
    if (!item) return;
    find("large").replaceChildren(image(item));
    find("facts").replaceChildren(facts(item));
    if (dialog.open) return;
    dialog.showModal();
    find("large").focus();
  }

  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, textarea")) return;
    event.preventDefault();
    grid().step(step);
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => grid().focus());
  find("close").addEventListener("click", () => dialog.close());
  return { show, facts: () => find("facts"), isOpen: () => dialog.open };
}
