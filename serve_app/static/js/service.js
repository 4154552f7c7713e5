/** The service that this page came from. */
import { apiKey } from "./key.js";
import { Refusal } from "./refusal.js";

/** Where the service's paths begin, also behind a prefix. */
export const BASE = new URL("..", location.href);

/** Headers that say who asks. */
function credentials() {
  return apiKey() ? { Authorization: `Bearer ${apiKey()}` } : {};
}

/**
 * Send a request; `json` or `form` is its body.
 * @returns {Promise<Response>} an answer that is not a refusal
 * @throws {Refusal} the service refused, or cannot be reached
 */
export async function send(path, { method = "GET", json, form, signal } = {}) {
  const headers = credentials();
  if (json) headers["Content-Type"] = "application/json";
  const body = json ? JSON.stringify(json) : form;
  let response;
  try {
    response = await fetch(new URL(path, BASE), { method, headers, body, signal });
  } catch (error) {
    throw signal?.aborted ? error : Refusal.unreachable();
  }
  if (!response.ok) throw await Refusal.from(response);
  return response;
}

/** The engines that are up; never throws, for a status line. */
export async function enginesUp() {
  try {
    const response = await fetch(new URL("api/health", BASE), { headers: credentials() });
    const { status, engines } = await response.json();
    return { status: status ?? "unknown", engines: engines ?? [] };
  } catch {
    return { status: "unknown", engines: [] };
  }
}

export async function listVoices() {
  return (await (await send("v1/audio/voices")).json()).data;
}

export async function checkClip(file) {
  const form = new FormData();
  form.append("audio_sample", file, file.name);
  return (await send("v1/audio/voices/check", { method: "POST", form })).json();
}

/** Register a voice; empty fields are left out. */
export async function saveVoice(file, fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
  form.append("audio_sample", file, file.name);
  return (await send("v1/audio/voices", { method: "POST", form })).json();
}

export async function renameVoice(id, name) {
  await send(`v1/audio/voices/${encodeURIComponent(id)}`, { method: "PATCH", json: { name } });
}

export async function deleteVoice(id) {
  await send(`v1/audio/voices/${encodeURIComponent(id)}`, { method: "DELETE" });
}
