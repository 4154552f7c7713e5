/** Light, dark, or as the system says; remembered. */
import { byId } from "./dom.js";

const REMEMBERED = "theme";

export function startTheme() {
  const choice = byId("theme");
  choice.value = localStorage.getItem(REMEMBERED) ?? "auto";
  show(choice.value);
  choice.addEventListener("change", () => {
    localStorage.setItem(REMEMBERED, choice.value);
    show(choice.value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
}

function show(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  announce();
}

/** The painters of canvases listen to this. */
function announce() {
  document.dispatchEvent(new Event("themechange"));
}
