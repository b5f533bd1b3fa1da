// What clusters are called, and renaming them; the names are kept beside the decisions until there are other clusters.

import { element } from "tellapart/dom.js";
import { post } from "tellapart/studio_api.js";
import { say, sayError } from "tellapart/studio_shell.js";

export const clusterTitle = ({ number, name }) => (name ? `${number}: ${name}` : `Pile ${number}`);

// A button that becomes a field for another name of a cluster; an empty one gives back what the cluster looks like.
export function clusterForm(cluster, onrenamed) {
  const open = element("button", { type: "button", class: "press", "data-rename": "" }, "Rename the cluster");
  const field = element("input", {
    type: "text",
    "aria-label": "Name of the cluster",
    value: cluster.name,
    size: "14",
  });
  const rename = async (event) => {
    event.preventDefault();
    try {
      const { name } = await post("/api/clusters", { number: cluster.number, name: field.value });
      cluster.name = name;
      say(`Cluster ${cluster.number} is called ${name || "nothing"}`);
      form.replaceWith(open);
      onrenamed();
    } catch (error) {
      sayError(error);
    }
  };
  const form = element(
    "form",
    { class: "relabel", onsubmit: rename },
    field,
    element("button", { type: "submit", class: "press" }, "Rename"),
  );
  const close = () => {
    form.replaceWith(open);
    open.focus();
  };
  field.addEventListener("keydown", (event) => event.key === "Escape" && close());
  open.addEventListener("click", () => {
    open.replaceWith(form);
    field.select();
  });
  return open;
}
