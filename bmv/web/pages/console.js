// The console: listens to what the server tells once a second, and shows it.

import { drawLags, shape } from "./chart.js";
import { clock, element } from "./lines.js";

const SILENCE = 25_000; // milliseconds without any word of the server: then the connection is dead, whatever it says
const LONGEST_WAIT = 10_000;
const SPEAKERS = { caller: "Caller speaks", agent: "Agent speaks" };
const STATES = {
  answered: "answered", dialling: "calling an agent", queued: "waits for an agent", accepted: "agent is coming",
  ordered: "calling an agent", offered: "waits for an agent", taken: "agent is coming", calling: "ringing",
  bridged: "talking", held: "on hold", ended: "ending",
};
const FATES = { translated: "translated", passed_through: "passed through", not_translatable: "nobody there", lost: "lost" };

const at = (id) => document.getElementById(id);
const rows = new Map(); // id of a call -> its row
let shown = null;

function put(where, text) {
  const into = typeof where === "string" ? at(where) : where;
  if (into.textContent !== text) into.textContent = text;
}

// -- the whole -------------------------------------------------------------------------------------------------------

function draw(now) {
  shown = now;
  const running = now.calls.length;
  put("running", String(running));
  put("limit", String(now.limit));
  drawBar(at("full"), [[`calls ${running >= now.limit ? "all" : running > 0.8 * now.limit ? "much" : ""}`, running]], now.limit);
  at("full").setAttribute("aria-label", `${running} of ${now.limit} calls`);
  put("room", now.draining ? "Shutting down: no further call is taken."
    : running >= now.limit ? "Full: further callers are told that all lines are busy."
    : now.overloaded ? "The processor does not keep up: further callers are told that all lines are busy." : `Room for ${now.limit - running} more.`);
  drawEnded(now);
  drawSpeech(now.speech);
  put("cost", now.cost.toFixed(2));
  put("unpriced", now.without_price ? `${counted(now.without_price, "call")} without a price that is known` : "as far as it is known");
  put("late", now.late_ms.toFixed(1));
  drawChart(now);
  put("count", running ? `${counted(running, "call")} running` : "No calls");
  drawCalls(now.calls);
  document.title = `${running ? `(${running}) ` : ""}Console · Be My Voice`;
}

function drawEnded(now) {
  const ended = Object.entries(now.ended);
  put("ended", String(ended.reduce((sum, [, count]) => sum + count, 0)));
  put("since", `in ${clock(now.seconds)}, since the start`);
  const told = ended.map(([reason, count]) => [reason.replaceAll("_", " "), String(count)]);
  if (now.refused) told.push(["turned away", String(now.refused)]);
  drawList(at("reasons"), told.map(([name, count]) => ["", name, count]));
}

function drawSpeech(speech) {
  const seconds = Object.values(speech).reduce((sum, each) => sum + each, 0);
  put("heard", clock(seconds));
  drawBar(at("speech"), Object.entries(speech), seconds || 1);
  at("speech").setAttribute("aria-label", Object.entries(speech).map(([fate, each]) => `${FATES[fate]} ${clock(each)}`).join(", "));
  drawList(at("fates"), Object.entries(speech).map(([fate, each]) => [fate, FATES[fate], clock(each)]));
}

function drawList(list, told) {
  const is = JSON.stringify(told);
  if (list.dataset.is === is) return;
  list.dataset.is = is;
  list.replaceChildren(...told.map(([className, name, figure]) =>
    element("li", className, element("span", "", `${name} `, element("b", "", figure)))));
}

// A bar of parts, [class, size], of a whole.
function drawBar(bar, parts, whole) {
  let x = 0;
  bar.replaceChildren(...parts.map(([className, size]) => {
    const width = Math.min(100 - x, (100 * size) / whole);
    x += width;
    return shape("rect", { class: className, x: x - width, y: 0, width, height: 8 });
  }));
}

function drawChart(now) {
  drawLags(at("chart"), now.lags, now.step);
  const told = Object.entries(now.lags).map(([speaker, values]) => {
    const measured = values.filter(Boolean);
    if (!measured.length) return `${SPEAKERS[speaker]}: nothing measured`;
    const longest = Math.max(...measured.map((each) => each[1]));
    return `${SPEAKERS[speaker]}: ${measured.at(-1)[0].toFixed(1)} s last, ${longest.toFixed(1)} s at most`;
  });
  put("chart-told", `${told.join(". ")}.`);
}

function leave(part) {
  if (part.contains(document.activeElement)) at("h-calls").focus({ preventScroll: true });
}

function counted(number, name) {
  return `${number} ${name}${number === 1 ? "" : "s"}`;
}

// -- the calls -------------------------------------------------------------------------------------------------------

function drawCalls(calls) {
  const here = new Set(calls.map((call) => call.id));
  for (const [id, row] of rows) {
    if (here.has(id)) continue;
    leave(row);
    row.remove();
    rows.delete(id);
    if (at("sure").open && at("sure").dataset.call === id) at("sure").close("no");
  }
  for (const call of calls) {
    if (!rows.has(call.id)) {
      rows.set(call.id, newRow(call));
      at("calls").append(rows.get(call.id));
    }
    drawCall(rows.get(call.id), call);
  }
  at("empty").hidden = calls.length > 0;
  at("calls").parentElement.hidden = calls.length === 0;
}

const CELLS = { call: "Call", languages: "Languages", time: "Time", caller: `${SPEAKERS.caller}, p50 / p95`, agent: `${SPEAKERS.agent}, p50 / p95`, cost: "Cost", acts: "" };

function newRow(call) {
  const row = element("tr", "");
  row.setAttribute("role", "row");
  for (const [name, head] of Object.entries(CELLS)) {
    const cell = element("td", name);
    cell.setAttribute("role", "cell");
    cell.dataset.head = head;
    row.append(cell);
  }
  const part = (name) => row.querySelector(`.${name}`);
  part("call").append(element("span", "tag state"), " ", element("span", "tag secured", "paused"), element("small", "", element("code", "id")), element("small", "worker"));
  for (const speaker of Object.keys(SPEAKERS)) part(speaker).append(element("span", "lags"), element("small", "mode"), element("small", "backlog"));
  const link = element("a", "button", "Captions", element("span", "unseen", ` of call ${call.id.slice(0, 6)}, in a new tab`));
  Object.assign(link, { href: `/console/captions/${encodeURIComponent(call.id)}`, target: "_blank", rel: "noopener" });
  const end = element("button", "danger", "End", element("span", "unseen", ` call ${call.id.slice(0, 6)}`));
  end.type = "button";
  end.addEventListener("click", () => askToEnd(call.id));
  part("acts").append(element("div", "", link, end));
  return row;
}

function drawCall(row, call) {
  const part = (name) => row.querySelector(`.${name}`);
  part("state").dataset.is = call.state;
  put(part("state"), STATES[call.state] ?? call.state);
  part("secured").hidden = !call.secured;
  put(part("id"), call.id.slice(0, 6));
  part("id").title = call.id;
  put(part("worker"), call.worker ? `agent ${call.worker.slice(0, 6)}…${call.worker.slice(-4)}` : "");
  part("worker").title = call.worker ?? "";
  put(part("languages"), `${call.caller ?? "not known"} ⇄ ${call.agent}`);
  put(part("time"), clock(call.seconds));
  for (const [speaker, each] of Object.entries(call.directions)) drawDirection(row.querySelector(`td.${speaker}`), each, call);
  put(part("cost"), call.cost == null ? "not known" : `$${call.cost.toFixed(3)}`);
  if (call.state === "ended") leave(part("danger")); // a button that is disabled keeps no focus
  part("danger").disabled = call.state === "ended" || document.body.classList.contains("stale");
}

function drawDirection(cell, told, call) {
  const lag = (seconds) => (seconds == null ? "–" : seconds.toFixed(1));
  put(cell.querySelector(".lags"), call.same ? "not translated" : `${lag(told.p50)} / ${lag(told.p95)} s`);
  cell.querySelector(".lags").title = "Half of the turns were quicker than the first figure, 95 of 100 than the second";
  const mode = cell.querySelector(".mode");
  const stands = call.secured ? "paused" : told.mode === "opening" ? "connecting" : told.mode;
  put(mode, call.same ? "" : stands + (told.rung > 1 ? `, translator ${told.rung}` : ""));
  mode.classList.toggle("warn", !call.same && (["passing through", "opening"].includes(told.mode) || told.rung > 1));
  put(cell.querySelector(".backlog"), told.backlog >= 0.1 ? `${told.backlog.toFixed(1)} s waiting` : "");
}

// -- what can be done ------------------------------------------------------------------------------------------------

function askToEnd(id) {
  const { caller, agent } = shown.calls.find((call) => call.id === id);
  at("sure").dataset.call = id;
  at("sure").returnValue = "no";
  put("sure-what", `End call ${id.slice(0, 6)} (${caller ?? "language not known"}, ${agent})?`);
  at("sure").showModal();
}

at("sure").addEventListener("close", async () => {
  if (at("sure").returnValue === "yes") await ask({ end: at("sure").dataset.call }, "answer");
});

at("agent").addEventListener("submit", async (event) => {
  event.preventDefault();
  at("made").hidden = true;
  const answer = await ask({ agent_link: at("worker").value.trim() }, "agent-answer");
  if (!answer) return;
  const { url, hours } = await answer.json();
  at("url").value = url;
  at("made").querySelector("label").textContent = `Link, good for ${hours} hours`;
  at("made").hidden = false;
  at("url").focus();
  at("url").select();
});

at("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(at("url").value);
    say("answer", "Copied.");
  } catch {
    at("url").select();
  }
});

// Gives the answer, or null when it was not done, which is said.
async function ask(what, where) {
  say(where, "");
  try {
    const answer = await fetch("/console", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(what),
    });
    if (answer.ok) return answer;
    say(where, `Not done: ${(await answer.text()).trim() || `error ${answer.status}`}.`);
  } catch {
    say(where, "Not done: the server cannot be reached.");
  }
  return null;
}

let saying;

function say(where, text) {
  put(where, text);
  clearTimeout(saying);
  if (where === "answer" && text) saying = setTimeout(() => put(where, ""), 8000);
}

// -- the connection --------------------------------------------------------------------------------------------------

let source;
let wait = 0;
let silence;

function listen() {
  source = new EventSource("/console/events");
  for (const kind of ["now", "beat"]) {
    source.addEventListener(kind, (event) => {
      wait = 0;
      connected(true);
      if (event.data) draw(JSON.parse(event.data));
      watch();
    });
  }
  source.addEventListener("error", () => {
    connected(false);
    if (source.readyState === EventSource.CLOSED) again(); // else the browser tries by itself
  });
  watch();
}

function connected(is) {
  at("link").dataset.is = is ? "good" : "warn";
  put("link", is ? "Live" : "Reconnecting …");
  document.body.classList.toggle("stale", !is);
  if (!is) for (const button of at("calls").querySelectorAll("button")) button.disabled = true;
}

function watch() {
  clearTimeout(silence);
  silence = setTimeout(again, SILENCE);
}

async function again() {
  clearTimeout(silence);
  source.close();
  connected(false);
  wait = Math.min(LONGEST_WAIT, wait * 2 || 500);
  await new Promise((resolve) => { setTimeout(resolve, wait); });
  if (await isLoggedOut()) location.reload(); // which asks for the password
  else listen();
}

async function isLoggedOut() {
  const asked = new AbortController();
  try {
    return (await fetch("/console/events", { signal: asked.signal })).status === 403;
  } catch {
    return false;
  } finally {
    asked.abort();
  }
}

new ResizeObserver(() => { if (shown) drawLags(at("chart"), shown.lags, shown.step); }).observe(at("chart"));

listen();
