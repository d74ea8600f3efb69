"use strict";

// What is looked at stands in the address, so that it is still there when the page is read again.
const look = new URLSearchParams(location.search);
const drawn = new Map();
const byId = (id) => document.getElementById(id);
let asking = false;
let askAgain = false;

function remember(screen) {
  for (const name of ["as", "in", "thread"]) {
    if (screen[name]) look.set(name, screen[name]);
    else look.delete(name);
  }
  history.replaceState(null, "", `?${look}`);
}

async function refresh() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  try {
    do {
      askAgain = false;
      const asked = look.toString();
      const answer = await fetch(`screen?${asked}`);
      const screen = await answer.json();
      if (!answer.ok) {
        trouble(screen.error);
      } else if (asked === look.toString()) {
        for (const [part, html] of Object.entries(screen.parts)) put(part, html);
        remember(screen);
      } else {
        askAgain = true;
      }
    } while (askAgain);
  } catch {
    trouble("This local Slack has ended. Start it again.");
  } finally {
    asking = false;
  }
}

function put(part, html) {
  if (drawn.get(part) === html) return;
  drawn.set(part, html);
  const home = byId(part);
  const typed = part === "modal" ? typedIn(home) : null;
  const list = home.querySelector("[data-bottom]");
  const low = !list || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const was = list ? list.scrollTop : 0;
  const focused = home.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  home.innerHTML = html;
  home.hidden = html === "";
  for (const time of home.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    time.title = at.toLocaleString();
  }
  const now = home.querySelector("[data-bottom]");
  if (now) now.scrollTop = low ? now.scrollHeight : was;
  if (part === "modal") showModal(home, typed);
  if (focused) [...home.querySelectorAll("button, a, input, select, textarea")]
    .find((each) => nameOf(each) === focused)?.focus();
}

function nameOf(element) {
  const field = element.closest("[data-input]");
  const { channel, message, block, action, go, as, thread } = element.dataset;
  return [field?.dataset.input, channel, message, block, action, go, as, thread, element.value].join(" ");
}

function typedIn(home) {
  const dialog = home.querySelector("dialog");
  if (!dialog) return null;
  const { view, hash } = dialog.dataset;
  return { view, hash, values: valuesOf(dialog) };
}

function showModal(home, typed) {
  const dialog = home.querySelector("dialog");
  if (!dialog) return;
  if (typed && typed.view === dialog.dataset.view && typed.hash === dialog.dataset.hash) {
    keep(dialog, typed.values);
  }
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    act({ do: "close" });
  });
  dialog.showModal();
  (dialog.querySelector("[data-input] :is(input, select, textarea)") ?? dialog).focus();
}

function fieldsOf(root) {
  return [...root.querySelectorAll("[data-input]")];
}

function valueOf(field) {
  const ticks = [...field.querySelectorAll("input[type=checkbox], input[type=radio]")];
  if (ticks.length) {
    const chosen = ticks.filter((each) => each.checked).map((each) => each.value);
    return ticks[0].type === "radio" ? chosen[0] ?? "" : chosen;
  }
  const entry = field.querySelector("input, select, textarea");
  if (entry.multiple) return [...entry.selectedOptions].map((each) => each.value);
  return field.dataset.kind === "datetimepicker" && entry.value ? Number(entry.value) : entry.value;
}

function valuesOf(root) {
  return Object.fromEntries(fieldsOf(root).map((field) => [field.dataset.input, valueOf(field)]));
}

function keep(root, values) {
  for (const field of fieldsOf(root)) {
    const value = values[field.dataset.input];
    if (value === undefined) continue;
    const many = Array.isArray(value) ? value : [String(value)];
    for (const entry of field.querySelectorAll("input, select, textarea")) {
      if (entry.type === "checkbox" || entry.type === "radio") entry.checked = many.includes(entry.value);
      else if (entry.multiple) for (const each of entry.options) each.selected = many.includes(each.value);
      else entry.value = value;
    }
  }
}

let quiet;
function trouble(text) {
  const told = byId("trouble");
  told.textContent = text;
  told.hidden = false;
  clearTimeout(quiet);
  quiet = setTimeout(() => { told.hidden = true; }, 8000);
}

async function act(said, pressed) {
  pressed?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch("do", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ as: look.get("as"), ...said }),
    });
    const told = await answer.json();
    if (told.error || told.trouble) trouble(told.error || told.trouble);
  } catch {
    trouble("This local Slack has ended. Start it again.");
  } finally {
    pressed?.removeAttribute("aria-busy");
  }
  await refresh();
}

function sure(confirm) {
  const dialog = byId("sure");
  byId("sure-title").textContent = confirm.title;
  byId("sure-text").textContent = confirm.text;
  const yes = byId("sure-yes");
  const no = byId("sure-no");
  yes.textContent = confirm.confirm;
  no.textContent = confirm.deny;
  yes.className = confirm.style;
  return new Promise((answer) => {
    yes.onclick = () => dialog.close("yes");
    no.onclick = () => dialog.close("");
    dialog.onclose = () => answer(dialog.returnValue === "yes");
    dialog.returnValue = "";
    dialog.showModal();
  });
}

function placeOf(element) {
  const { view, channel, message, block, action } = element.dataset;
  return { view, channel, message, block, action };
}

async function click(element) {
  const said = { do: element.dataset.do, ...placeOf(element) };
  const asked = element.dataset.confirm;
  if (asked && !(await sure(JSON.parse(asked)))) return;
  const dialog = element.closest("dialog.modal");
  if (dialog && (said.do === "submit" || said.do === "click")) said.values = valuesOf(dialog);
  await act(said, element);
}

document.addEventListener("click", async (event) => {
  const element = event.target.closest("button, a");
  if (!element || element.getAttribute("aria-busy")) return;
  const { go, as, thread } = element.dataset;
  if (go !== undefined) {
    look.set("in", go);
    look.delete("thread");
    await (go === "home" ? act({ do: "home" }) : refresh());
  } else if (as !== undefined) {
    look.set("as", as);
    await (look.get("in") === "home" ? act({ do: "home" }) : refresh());
  } else if (thread !== undefined) {
    look.set("thread", thread);
    await refresh();
  } else if (["click", "submit", "close"].includes(element.dataset.do)) {
    await click(element);
  }
});

document.addEventListener("change", async (event) => {
  const choice = event.target.closest("[data-do=choose]");
  if (!choice) return;
  const kind = event.target.type;
  const value = kind === "checkbox" || kind === "radio" || event.target.multiple
    ? valueOf(choice) : event.target.value;
  await act({ do: "choose", ...placeOf(choice), value });
});

new EventSource("changes").addEventListener("message", () => refresh());
