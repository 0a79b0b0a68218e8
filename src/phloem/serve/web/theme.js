// Before the first paint: the theme chosen last time, else the system's.
"use strict";
(() => {
  const stored = (() => {
    try {
      return localStorage.getItem("phloem-theme");
    } catch {
      return null; // storage may be forbidden
    }
  })();
  if (stored === "dark" || stored === "light") {
    document.documentElement.dataset.theme = stored;
  }
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    const show = () => button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => {
      const theme = isDark() ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      try {
        localStorage.setItem("phloem-theme", theme);
      } catch {
        // the choice then lasts as long as the page
      }
      show();
    });
    system.addEventListener("change", show);
    show();
  });
})();
