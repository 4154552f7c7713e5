/** Starts the page. */
import { startClip } from "./clip.js";
import { byId } from "./dom.js";
import { startForm } from "./form.js";
import { startKey } from "./key.js";
import { has, language, say, startLanguage, useLanguage } from "./language.js";
import { enginesUp } from "./service.js";
import { startSpeaking } from "./speak.js";
import { startTheme } from "./theme.js";
import { refreshVoices } from "./voices.js";

const HEALTH_EVERY_MS = 15_000;

async function showHealth() {
  const { status } = await enginesUp();
  byId("health").dataset.health = status;
  say(byId("health"), has(`health.${status}`) ? `health.${status}` : "health.unknown");
}

function watchHealth() {
  showHealth();
  setInterval(() => document.visibilityState === "visible" && showHealth(), HEALTH_EVERY_MS);
}

startLanguage();
byId("interface-language").value = language();
byId("interface-language").addEventListener("change", ({ target }) => useLanguage(target.value));
startTheme();
startForm();
startClip();
startSpeaking();
startKey(() => {
  refreshVoices();
  showHealth();
});
watchHealth();
await refreshVoices();
document.documentElement.dataset.ready = "true";
