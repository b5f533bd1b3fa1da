// The page of the runs: a table, and light or dark.

import { mountTheme } from "tellapart/theme.js";

const button = document.getElementById("theme");
if (button) mountTheme(button);
