// The page of an autoencoder from disk: images and figures stand in it already; the theme can be chosen.

import { mountSections } from "tellapart/sections.js";
import { mountTheme } from "tellapart/theme.js";

mountTheme(document.getElementById("theme"));
mountSections();
