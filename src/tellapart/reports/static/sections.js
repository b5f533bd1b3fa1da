// The links in the head of the page tell which section is being read.

export function mountSections() {
  const links = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll("nav a")]);
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links) {
          if (link.hash === `#${entry.target.id}`) link.setAttribute("aria-current", "true");
          else link.removeAttribute("aria-current");
        }
      }
    },
    { rootMargin: "-20% 0px -70% 0px" },
  );
  for (const section of document.querySelectorAll("main section[id]")) seen.observe(section);
}
