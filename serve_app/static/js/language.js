/** The interface's language: every text comes through here and follows a change of language. */
import en from "./messages/en.js";
import ms from "./messages/ms.js";
import zh from "./messages/zh.js";

const MESSAGES = { en, ms, zh };
const TAGS = { en: "en", ms: "ms", zh: "zh-Hans" };
const REMEMBERED = "interface-language";
const TARGETS = { i18n: "textContent", i18nPlaceholder: "placeholder", i18nTitle: "title" };

let current = "en";

/** The language in use: en, ms or zh. */
export function language() {
  return current;
}

/** Whether there is a text called `key`. */
export function has(key) {
  return key in MESSAGES.en;
}

/** The text called `key`, with `{name}` replaced by values; numbers in the language's own form. */
export function t(key, values = {}) {
  const message = MESSAGES[current][key] ?? MESSAGES.en[key];
  if (message === undefined) throw new Error(`no message ${key}`);
  return message.replace(/\{(\w+)\}/g, (_, name) => written(values[name]));
}

/** Show the text called `key` in `element`, now and after the language has changed. */
export function say(element, key, values = {}) {
  element.dataset.i18n = key;
  element.dataset.i18nValues = JSON.stringify(values);
  element.textContent = t(key, values);
}

/** Show nothing in `element`. */
export function hush(element) {
  delete element.dataset.i18n;
  element.textContent = "";
}

/** Give `element` the accessible name called `key`. */
export function label(element, key, values = {}) {
  element.dataset.i18nLabel = key;
  element.dataset.i18nValues = JSON.stringify(values);
  element.setAttribute("aria-label", t(key, values));
}

/** Take the remembered language, or the first of the browser's that we know. */
export function startLanguage() {
  const wanted = [localStorage.getItem(REMEMBERED), ...navigator.languages];
  const known = wanted.map((tag) => (tag ?? "").split("-")[0]).find((tag) => tag in MESSAGES);
  useLanguage(known ?? "en");
}

/** Change every text on the page to `code`, and remember it. */
export function useLanguage(code) {
  current = code;
  localStorage.setItem(REMEMBERED, code);
  document.documentElement.lang = TAGS[code];
  for (const element of document.querySelectorAll("*")) translate(element);
  document.dispatchEvent(new Event("languagechange"));
}

function translate(element) {
  const { dataset } = element;
  const values = dataset.i18nValues ? JSON.parse(dataset.i18nValues) : {};
  for (const [name, property] of Object.entries(TARGETS)) {
    if (dataset[name]) element[property] = t(dataset[name], values);
  }
  if (dataset.i18nLabel) element.setAttribute("aria-label", t(dataset.i18nLabel, values));
}

function written(value) {
  if (typeof value !== "number") return String(value ?? "");
  return value.toLocaleString(TAGS[current], { maximumFractionDigits: 2 }).replace("-", "−");
}
