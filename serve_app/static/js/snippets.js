/** The form's request in other hands: a curl line, a Python script. */
import { byId } from "./dom.js";
import { apiKey } from "./key.js";
import { announce } from "./notice.js";
import { BASE } from "./service.js";

const KEY_VARIABLE = "TTS_API_KEY";

/** The order as a curl line that writes a file. The key is named, never shown. */
export function curl(order) {
  const fields = fileFields(order);
  const lines = [`curl -sSN --fail-with-body ${quoted(urlOf(order))}`];
  if (apiKey()) lines.push(`-H "Authorization: Bearer $${KEY_VARIABLE}"`);
  if (order.file) {
    for (const [name, value] of Object.entries(fields)) {
      lines.push(`--form-string ${quoted(`${name}=${value}`)}`);
    }
    lines.push(`-F ${quoted(`reference_audio=@${order.file.name}`)}`);
  } else {
    lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(fields))}`);
  }
  lines.push(`-o speech.${fields.format}`);
  return lines.join(" \\\n  ");
}

/** The order as a Python script that writes a file. */
export function python(order) {
  const fields = fileFields(order);
  const options = [`"POST", ${literal(urlOf(order))}`];
  if (order.file) {
    options.push(`data=${literal(strings(fields))}`);
    options.push(`files={"reference_audio": open(${literal(order.file.name)}, "rb")}`);
  } else {
    options.push(`json=${literal(fields)}`);
  }
  if (apiKey()) options.push(`headers={"Authorization": "Bearer " + os.environ["${KEY_VARIABLE}"]}`);
  options.push("timeout=None");
  return [
    ...(apiKey() ? ["import os", ""] : []),
    "import httpx",
    "",
    `with httpx.stream(\n    ${options.join(",\n    ")},\n) as response:`,
    "    response.raise_for_status()",
    `    with open("speech.${fields.format}", "wb") as file:`,
    "        for chunk in response.iter_bytes():",
    "            file.write(chunk)",
    "",
  ].join("\n");
}

/** Copy `text`; where the browser does not let us, show it to be copied by hand. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    announce("copy.done");
    return true;
  } catch {
    byId("copy-text").value = text;
    byId("copy-dialog").showModal();
    byId("copy-text").select();
    return false;
  }
}

/** Raw samples are no file that one can open: ask for WAV instead. */
function fileFields(order) {
  const { format } = order.fields;
  return { ...order.fields, format: format === "pcm" ? "wav" : format };
}

function urlOf(order) {
  return new URL(order.path, BASE).href;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function strings(fields) {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

/** A Python literal: JSON is one, but for the names of truth and nothing. */
function literal(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const items = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${literal(v)}`);
  return `{${items.join(", ")}}`;
}
