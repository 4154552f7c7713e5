/** What a person wants to hear, read from the form, and the request that asks for it. */
import { byId } from "./dom.js";
import { MediaSourcePlayer } from "./play/media_source.js";

/** The voice menu's value for the clip that is not saved. */
export const UNSAVED = "unsaved-clip";

const NATURAL_SPEED = 1;

/**
 * Read the form.
 * @param {{file: File, transcript: string} | null} clip the clip on the page, if there is one
 * @returns {{path: string, fields: object, file: File | null, voice: string}} one order
 */
export function readOrder(clip) {
  const mms = byId("engine").value === "mms";
  const voice = byId("voice");
  const order = { text: byId("text").value.trim(), fields: common(), file: null };
  if (mms) return finish(order, "mms/tts", {}, byId("language").selectedOptions[0].text);
  const name = voice.value ? voice.selectedOptions[0].text : "";
  const instruction = byId("instruction").value.trim();
  if (voice.value === UNSAVED && clip) {
    order.file = clip.file;
    const words = clip.transcript ? { reference_text: clip.transcript } : {};
    return finish(order, clip.transcript ? "cosyvoice/zero_shot" : "cosyvoice/cross_lingual",
      words, name);
  }
  const named = voice.value ? { voice_type: voice.value } : {};
  if (instruction) return finish(order, "cosyvoice/instruct", { ...named, instruction }, name);
  return finish(order, "cosyvoice/tts", named, name);
}

/** The request for `order`, as `service.send` takes it. */
export function requestOf(order) {
  if (!order.file) return { method: "POST", json: order.fields };
  const form = new FormData();
  for (const [name, value] of Object.entries(order.fields)) form.append(name, String(value));
  form.append("reference_audio", order.file, order.file.name);
  return { method: "POST", form };
}

/** MP3 where the browser plays it while it arrives, else samples; or what was chosen. */
function format() {
  const choice = byId("playback").value;
  if (choice !== "auto") return choice;
  return MediaSourcePlayer.supported() ? "mp3" : "pcm";
}

function common() {
  const fields = { text: byId("text").value.trim(), stream: true, format: format() };
  const speed = Number(byId("speed").value);
  const seed = byId("seed").value.trim();
  if (speed !== NATURAL_SPEED) fields.speed = speed;
  if (seed) fields.seed = /^\d+$/.test(seed) ? Number(seed) : seed;
  if (byId("language").value) fields.language = byId("language").value;
  return fields;
}

function finish(order, path, more, voice) {
  Object.assign(order.fields, more);
  return { ...order, path: `v1/model/${path}`, voice };
}
