// Before anything is drawn: the theme that the reader chose.
try {
  document.documentElement.dataset.theme = localStorage.getItem("tellapart-theme") || "";
} catch {
  /* the browser keeps nothing: the system's theme holds */
}
