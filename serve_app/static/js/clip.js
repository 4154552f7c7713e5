/** A clip to clone: dropped, chosen or recorded; looked at by the service; saved as a voice. */
import { byId } from "./dom.js";
import { hush, language, say, t } from "./language.js";
import { fillLanguages } from "./languages.js";
import { announce, hideNotice, orShow, showNotice } from "./notice.js";
import { UNSAVED } from "./order.js";
import { NoMicrophone, Recorder } from "./recorder.js";
import { reportElements } from "./report.js";
import { checkClip, saveVoice } from "./service.js";
import { chooseVoice, offerClip, refreshVoices } from "./voices.js";
import { paintLevel } from "./waveform.js";

const NOTICE = "clip-notice";

let file = null;
let recorder = null;

/** The clip on the page with what is said in it; null without one. */
export function currentClip() {
  return file && { file, transcript: byId("clip-transcript").value.trim() };
}

export function startClip() {
  fillLanguages(byId("clip-language"), "cosyvoice", "language.unknown");
  byId("clip-file").addEventListener("change", ({ target }) => {
    if (target.files.length) take(target.files[0], "");
    target.value = "";
  });
  byId("record").addEventListener("click", () => (recorder ? recorder.stop() : record()));
  byId("clip").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  byId("clip-try").addEventListener("click", tryIt);
  byId("clip-discard").addEventListener("click", discard);
  startDrop(byId("drop"));
}

function startDrop(place) {
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    place.classList.add("over");
  });
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0], "");
  });
}

async function record() {
  hideNotice(NOTICE);
  const words = t("record.words");
  const done = (recording) => {
    showRecording(false);
    recorder = null;
    take(recording, words);
  };
  const starting = new Recorder(showLevel, done);
  try {
    await starting.start();
  } catch (error) {
    if (!(error instanceof NoMicrophone)) throw error;
    showNotice(error.key, {}, NOTICE);
    return;
  }
  recorder = starting;
  byId("prompt-text").textContent = words;
  showRecording(true);
}

function showRecording(on) {
  byId("record").setAttribute("aria-pressed", String(on));
  byId("prompt").hidden = !on;
  byId("record-level").hidden = !on;
  say(byId("record-label"), on ? "record.stop" : "record.start");
}

function showLevel(seconds, level) {
  paintLevel(byId("record-level"), level);
  const whole = Math.floor(seconds);
  if (byId("record-label").dataset.seconds === String(whole)) return;
  byId("record-label").dataset.seconds = String(whole);
  say(byId("record-label"), "record.stop.after", { seconds: whole });
}

/** Show the clip and have it measured. */
async function take(clip, words) {
  file = clip;
  URL.revokeObjectURL(byId("clip-audio").src);
  byId("clip-audio").src = URL.createObjectURL(clip);
  byId("clip-transcript").value = words;
  byId("clip-language").value = words ? language() : "";
  byId("clip").hidden = false;
  offerClip(true);
  say(byId("report"), "report.waiting");
  const measured = await orShow(async () => {
    const elements = reportElements(await checkClip(clip));
    hush(byId("report"));
    byId("report").replaceChildren(...elements);
  }, NOTICE);
  if (!measured) hush(byId("report"));
}

async function save() {
  const name = byId("clip-name");
  const consent = byId("clip-consent");
  name.setAttribute("aria-invalid", String(!name.value.trim()));
  consent.setAttribute("aria-invalid", String(!consent.checked));
  if (!name.value.trim()) return refuse("clip.needs.name", name);
  if (!consent.checked) return refuse("clip.needs.consent", consent);
  return orShow(async () => {
    const voice = await saveVoice(file, {
      name: name.value.trim(),
      ref_text: byId("clip-transcript").value.trim(),
      language: byId("clip-language").value,
      consent: `Confirmed on the page at ${new Date().toISOString()}`,
    });
    discard();
    await refreshVoices(voice.id);
    chooseVoice(voice.id);
    announce("clip.saved", { name: voice.name });
    byId("text").focus();
  }, NOTICE);
}

function refuse(key, element) {
  showNotice(key, {}, NOTICE);
  element.focus();
}

function tryIt() {
  chooseVoice(UNSAVED);
  byId("order").requestSubmit();
}

function discard() {
  file = null;
  URL.revokeObjectURL(byId("clip-audio").src);
  byId("clip-audio").removeAttribute("src");
  byId("clip").reset();
  byId("clip").hidden = true;
  byId("report").replaceChildren();
  hideNotice(NOTICE);
  offerClip(false);
}
