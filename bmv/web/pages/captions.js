// The captions of a call, or of whatever call an agent is in: listens to the server's events and shows them.

import { floor } from "./floor.js";
import { Lines, clock, element } from "./lines.js";

const SILENCE = 25_000; // milliseconds without any word of the server: then the connection is dead, whatever it says
const LONGEST_WAIT = 10_000;

const at = (id) => document.getElementById(id);
const here = location.pathname.replace(/\/$/, "");
const followsAgent = document.body.dataset.purpose === "agent";
const lines = new Lines({ scroller: at("scroller"), list: at("lines"), now: at("now"), read: at("read") });
let left = null; // the button that had the focus when it went out of use
const now = { connected: false, over: false, waiting: false, call: null, view: null, began: 0 };

// -- what is shown ---------------------------------------------------------------------------------------------------

function draw() {
  const { is, turn, why } = floor(now);
  at("floor").dataset.is = is;
  put("turn", turn);
  put("why", why);
  if (["warn", "idle"].includes(is)) put("state", [turn, why].filter(Boolean).join(". "));
  else put("state", "");
  const active = now.connected && Boolean(now.call) && !now.over && Boolean(now.view);
  allow(at("pause"), active);
  at("pause").setAttribute("aria-pressed", String(Boolean(now.view?.secured)));
  const talking = active && ["bridged", "held"].includes(now.view.state);
  at("phrases").hidden = !now.call || now.over;
  for (const button of at("phrases").querySelectorAll("button")) allow(button, talking);
  const lag = now.view?.directions.caller.lag;
  drawLag(now.call?.same ? null : lag);
  at("empty").hidden = !lines.empty || !(now.call || now.waiting || now.over);
  put("empty", now.over ? "Nothing of this call is kept any more." : !now.call || now.waiting ? ""
    : now.call.captions ? "Nothing was said yet." : "Captions are turned off on this server.");
}

/** A button that goes out of use loses the focus to the page; it has it again when it comes back, as after each lost connection. */
function allow(button, is) {
  if (!is && document.activeElement === button) left = button;
  button.disabled = !is;
  if (!is || left !== button) return;
  if (document.activeElement === document.body) button.focus({ preventScroll: true });
  left = null;
}

function put(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

function drawLag(lag) {
  const shown = lag == null ? "" : `${lag.toFixed(1)} s`;
  if (at("lag").dataset.shown === shown) return;
  at("lag").dataset.shown = shown;
  at("lag").replaceChildren(shown, element("span", "", shown && " behind"));
}

function drawCall(call) {
  document.body.classList.toggle("same", call.same);
  const [ours, theirs] = [name(call.agent), call.caller ? name(call.caller) : element("span", "", "language not known")];
  at("languages").replaceChildren(theirs, " ⇄ ", ours);
  for (const [id, each] of [["head-ours", ours], ["head-theirs", theirs]]) {
    at(id).textContent = each.textContent; // a bdi in it would not count for its direction
    at(id).lang = each.lang;
  }
  at("heads").hidden = call.same;
  const reader = document.activeElement === document.body ? left : document.activeElement;
  if (at("phrases").contains(reader)) at("phrases").querySelector("summary").focus();
  at("phrases").querySelector("ul").replaceChildren(...call.phrases.map((phrase) => drawPhrase(phrase, call)));
}

function drawPhrase(phrase, call) {
  const ours = element("span", "", phrase.agent);
  const theirs = element("span", "theirs", phrase.caller);
  ours.lang = call.agent.tag;
  theirs.lang = (call.caller ?? call.agent).tag;
  ours.dir = theirs.dir = "auto";
  const button = element("button", "", ours, ...(call.same ? [] : [theirs]));
  button.type = "button";
  button.addEventListener("click", () => {
    at("phrases").open = false;
    at("phrases").querySelector("summary").focus();
    ask({ say: phrase.name });
  });
  return element("li", "", button);
}

function name(language) {
  const own = element("bdi", "", language.own);
  own.lang = language.tag;
  return own;
}

setInterval(() => {
  if (now.call && !now.over && now.connected) put("clock", clock((performance.now() - now.began) / 1000));
}, 500);

// -- what is told ----------------------------------------------------------------------------------------------------

const TOLD = {
  call(call) {
    if (call.id !== now.call?.id) {
      lines.clear();
      now.view = null;
    }
    Object.assign(now, { call, over: false, waiting: false, began: performance.now() - call.seconds * 1000 });
    drawCall(call);
  },
  view(view) { now.view = view; },
  line(line) { lines.show(line); },
  over() {
    now.over = true;
    if (!followsAgent) source.close();
  },
  waiting() {
    now.waiting = true;
    now.over ||= Boolean(now.call); // which ended while the connection was lost
  },
  beat() {},
};

let source;
let seen = "";
let wait = 0;
let silence;

function listen() {
  source = new EventSource(`${here}/events${seen ? `?after=${encodeURIComponent(seen)}` : ""}`);
  source.addEventListener("open", () => { wait = 0; });
  for (const [kind, take] of Object.entries(TOLD)) {
    source.addEventListener(kind, (event) => {
      seen = event.lastEventId || seen;
      now.connected = true;
      take(event.data ? JSON.parse(event.data) : null);
      draw();
      watch();
    });
  }
  source.addEventListener("error", () => {
    if (now.over && !followsAgent) return;
    now.connected = false;
    draw();
    if (source.readyState === EventSource.CLOSED) again(); // else the browser tries by itself
  });
  watch();
}

function watch() {
  clearTimeout(silence);
  if (!now.over || followsAgent) silence = setTimeout(again, SILENCE);
}

async function again() {
  clearTimeout(silence);
  source.close();
  now.connected = false;
  draw();
  wait = Math.min(LONGEST_WAIT, wait * 2 || 500);
  await new Promise((resolve) => { setTimeout(resolve, wait); });
  if (await isRefused()) location.reload(); // the server says why
  else listen();
}

async function isRefused() {
  try {
    return (await fetch(here, { method: "HEAD" })).status === 403;
  } catch {
    return false;
  }
}

// -- what can be done ------------------------------------------------------------------------------------------------

async function ask(what) {
  put("answer", "");
  try {
    const answer = await fetch(here, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ call: now.call.id, ...what }),
    });
    if (!answer.ok) put("answer", `Not done: ${(await answer.text()).trim() || `error ${answer.status}`}.`);
  } catch {
    put("answer", "Not done: the server cannot be reached.");
  }
}

at("pause").addEventListener("click", () => ask({ pause: !now.view.secured }));

at("phrases").addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    at("phrases").open = false;
    at("phrases").querySelector("summary").focus();
  }
});

function big(on) {
  document.body.classList.toggle("big", on);
  at("big").setAttribute("aria-pressed", String(on));
}

at("big").addEventListener("click", () => {
  const on = !document.body.classList.contains("big");
  big(on);
  try { sessionStorage.setItem("big", on); } catch { /* not in every frame */ }
});

try { big(sessionStorage.getItem("big") === "true"); } catch { /* not in every frame */ }

draw();
listen();
