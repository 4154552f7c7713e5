/** The voices of the service: the menu to choose from, the list to manage. */
import { byId, make } from "./dom.js";
import { label, say, t } from "./language.js";
import { nameOf } from "./languages.js";
import { announce, orShow } from "./notice.js";
import { UNSAVED } from "./order.js";
import { deleteVoice, listVoices, renameVoice } from "./service.js";

let voices = [];

/** Ask the service which voices there are, and show them; `choose` selects one afterwards. */
export async function refreshVoices(choose) {
  await orShow(async () => {
    voices = await listVoices();
    showMenu(choose);
    showList();
  });
}

/** Offer the clip that is not saved in the menu, or take it out. */
export function offerClip(offered) {
  const menu = byId("voice");
  menu.querySelector(`[value="${UNSAVED}"]`)?.remove();
  if (!offered) return;
  const option = make("option", { value: UNSAVED });
  say(option, "voice.unsaved");
  menu.append(option);
}

/** Choose a voice, and the engine that speaks with it. */
export function chooseVoice(value) {
  if (byId("engine").value !== "cosyvoice") {
    byId("engine").value = "cosyvoice";
    byId("engine").dispatchEvent(new Event("change"));
  }
  byId("voice").value = value;
}

function showMenu(choose) {
  const menu = byId("voice");
  const before = menu.value;
  const clip = menu.querySelector(`[value="${UNSAVED}"]`);
  const groups = [group("voice.own", ours(false)), group("voice.builtin", ours(true))];
  menu.replaceChildren(menu.options[0], ...groups.filter(Boolean), ...(clip ? [clip] : []));
  const wanted = choose ?? before;
  menu.value = [...menu.options].some(({ value }) => value === wanted) ? wanted : "";
}

function ours(builtin) {
  return voices.filter((voice) => voice.builtin === builtin);
}

function group(key, members) {
  if (!members.length) return null;
  const options = members.map(({ id, name }) => make("option", { value: id, textContent: name }));
  const element = make("optgroup", { label: t(key) }, ...options);
  document.addEventListener("languagechange", () => {
    element.label = t(key);
  });
  return element;
}

function showList() {
  byId("voices").replaceChildren(...[...ours(false), ...ours(true)].map(row));
}

function row(voice) {
  const about = make("p", { className: "hint" });
  const values = { language: nameOf(voice.language), seconds: (voice.duration_s ?? 0).toFixed(1) };
  say(about, voice.builtin ? "voices.builtin" : "voices.own", values);
  const use = button("voices.use", voice, () => {
    chooseVoice(voice.id);
    byId("text").focus();
  });
  const actions = make("div", { className: "actions" }, use);
  if (!voice.builtin) {
    const remove = button("voices.delete", voice, () => askToDelete(voice));
    remove.className = "danger";
    const rename = button("voices.rename", voice, () => askForName(voice));
    rename.dataset.rename = voice.id;
    actions.append(rename, remove);
  }
  const name = make("p", { className: "name", textContent: voice.name });
  return make("li", {}, name, about, actions);
}

function button(key, voice, act) {
  const element = make("button", { type: "button" });
  say(element, key);
  label(element, `${key}.label`, { name: voice.name });
  element.addEventListener("click", act);
  return element;
}

function askForName(voice) {
  const dialog = byId("rename-dialog");
  const field = byId("rename-name");
  say(byId("rename-title"), "rename.title", { name: voice.name });
  field.value = voice.name;
  dialog.returnValue = "keep";
  dialog.onclose = () => dialog.returnValue === "rename" && rename(voice, field.value.trim());
  dialog.showModal();
  field.select();
}

async function rename(voice, name) {
  await orShow(async () => {
    await renameVoice(voice.id, name);
    announce("voices.renamed", { before: voice.name, name });
  }, "clip-notice");
  await refreshVoices();
  (document.querySelector(`[data-rename="${voice.id}"]`) ?? byId("voices-title")).focus();
}

function askToDelete(voice) {
  const dialog = byId("delete-dialog");
  say(byId("delete-title"), "delete.title", { name: voice.name });
  dialog.returnValue = "keep";
  dialog.onclose = () => dialog.returnValue === "delete" && remove(voice);
  dialog.showModal();
}

async function remove(voice) {
  await orShow(async () => {
    await deleteVoice(voice.id);
    announce("voices.deleted", { name: voice.name });
  }, "clip-notice");
  await refreshVoices();
  byId("voices-title").focus();
}
