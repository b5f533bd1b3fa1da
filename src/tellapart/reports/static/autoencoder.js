// The page of an autoencoder from disk: pictures and figures stand in it already; only the theme can be chosen.

import { mountTheme } from "tellapart/theme.js";

mountTheme(document.getElementById("theme"));
