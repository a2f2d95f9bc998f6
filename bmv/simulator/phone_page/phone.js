// The two phones on the page: buttons, displays and meters. What a phone may do is the simulator's to say.

import { Line } from "./line.js";
import { peak } from "./mulaw.js";
import * as sound from "./sound.js";

const HOLDERS = { nobody: "free", you: "yours", other: "somebody else has it", script: "the scripted partner has it" };
const PHASES = {
  caller: {
    idle: "Ready to call.",
    dialling: "Dialling …",
    menu: "Choose a language: press a key, or say its name.",
    greeting: "Answered.",
    waiting: "Waiting for the agent. Music plays.",
    talking: "You are talking to the agent.",
    farewell: "The call is ending.",
  },
  agent: {
    idle: "Nobody calls.",
    ringing: "It rings: a call for you.",
    talking: "You are talking to the caller.",
  },
};
const REFUSED = {
  taken: "This phone is taken.",
  "not yours": "Take this phone first.",
  "in call": "There is a call already.",
  "no call": "There is no call.",
};
const METER_FLOOR = -48; // dB below the loudest
const DECAY = 0.85;
const LONGEST_CAPTION = 90;

const trouble = document.getElementById("trouble");
let speaking = null; // the phone that the microphone speaks into

function complain(text) {
  trouble.textContent = text;
  trouble.hidden = !text;
}

class Phone {
  constructor(element) {
    this.element = element;
    this.side = element.dataset.side;
    this.is = Object.fromEntries([...element.querySelectorAll("[data-is]")].map((each) => [each.dataset.is, each]));
    this.do = Object.fromEntries([...element.querySelectorAll("[data-do]")].map((each) => [each.dataset.do, each]));
    this.levels = { spoken: 0, heard: 0 };
    this.state = { phase: "idle", holder: "nobody", language: null, said: null };
    this.muted = false;
    this.speaker = null;
    this.since = Date.now();
    this.line = new Line(this.side, {
      onState: (state) => this.become(state),
      onCaption: (own, text) => put(own ? this.is.own : this.is.other, shortened(text)),
      onRefused: (why) => this.show(REFUSED[why] ?? `That cannot be done: ${why}.`),
      onFrame: (codes) => {
        this.levels.heard = Math.max(this.levels.heard, peak(codes));
        this.speaker?.play(codes);
      },
      onMark: (name) => (this.speaker ? this.speaker.mark(name) : this.line.mark(name)),
      onClear: () => this.speaker?.clear(),
      onLost: () => this.become({ ...this.state, phase: "lost", holder: "nobody" }),
    });
    element.addEventListener("click", (event) => this.click(event.target.closest("button")));
    element.addEventListener("keydown", (event) => this.keydown(event));
    this.do.speaks?.addEventListener("change", () => this.line.tell({ event: "speaks", language: this.do.speaks.value }));
  }

  click(button) {
    if (!button) return;
    const { do: what, key, words, say } = button.dataset;
    if (key) this.press(key);
    else if (words) this.line.tell({ event: "words", text: words });
    else if (say) this.line.tell({ event: "say", sentence: Number(say) });
    else if (what === "take") (this.mine ? this.giveBack() : this.take());
    else if (what === "partner") this.line.tell({ event: "partner", on: this.state.holder !== "script" });
    else if (what === "mute") this.mute(!this.muted);
    else if (what) this.line.tell({ event: what });
  }

  keydown(event) {
    if (this.mine && /^[0-9*#]$/.test(event.key) && !event.target.closest("select") && !event.ctrlKey && !event.metaKey && !event.altKey) {
      this.press(event.key);
    }
  }

  press(key) {
    this.line.key(key);
    const button = this.element.querySelector(`[data-key="${key}"]`);
    button.classList.add("pressed");
    setTimeout(() => button.classList.remove("pressed"), 150);
  }

  async take() {
    complain("");
    if (!sound.possible) {
      complain("This address is not a secure one, so the browser gives neither microphone nor loudspeaker. " +
        "Open the page over https, or on the machine itself at 127.0.0.1.");
    } else {
      this.speaker ??= await sound.speaker((name) => this.line.mark(name));
    }
    this.line.start();
  }

  giveBack() {
    this.line.stop();
  }

  /** The microphone speaks into one phone at a time: to open it here is to close it there. */
  async mute(muted) {
    this.muted = muted;
    if (muted) {
      if (speaking === this) speaking = null;
      this.show();
      return;
    }
    if (speaking && speaking !== this) speaking.mute(true);
    speaking = this;
    this.show();
    await hearing(() => sound.listen((codes) => speaking?.spoken(codes)));
  }

  spoken(codes) {
    this.levels.spoken = Math.max(this.levels.spoken, peak(codes));
    this.line.media(codes);
  }

  become(state) {
    const wasMine = this.mine;
    if (state.phase !== this.state.phase) {
      this.since = Date.now();
      put(this.is.own, "");
      put(this.is.other, "");
    }
    this.state = state;
    if (this.mine && !wasMine) {
      // Whoever holds both phones speaks into the one taken first, until the other is unmuted.
      if (sound.possible) this.mute(speaking !== null && speaking !== this);
    } else if (wasMine && !this.mine) {
      if (speaking === this) speaking = null;
      if (!phones.some((phone) => phone.mine)) sound.close();
    }
    this.show();
  }

  get mine() {
    return this.state.holder === "you";
  }

  show(notice = "") {
    const { phase, holder, language, said } = this.state;
    const lost = phase === "lost";
    const inCall = !lost && phase !== "idle";
    this.element.dataset.phase = phase;
    this.element.dataset.holder = holder;
    put(this.is.holder, lost ? "" : HOLDERS[holder]);
    put(this.is.status, notice || this.course(phase));
    put(this.is.said, said && inCall && phase !== "talking" ? said.text : "");
    if (said) this.is.said.lang = said.language;
    put(this.do.take, this.mine ? "Give back" : "Take this phone");
    this.do.take.disabled = lost || !["nobody", "you"].includes(holder);
    this.do.partner.disabled = lost || !["nobody", "script"].includes(holder);
    press(this.do.partner, holder === "script");
    press(this.do.mute, this.muted);
    this.do.mute.disabled = !this.mine || !sound.possible;
    if (this.do.dial) this.do.dial.disabled = !this.mine || phase !== "idle";
    if (this.do.accept) this.do.accept.disabled = !this.mine || phase !== "ringing";
    this.do.hangup.disabled = !this.mine || !inCall || phase === "ringing";
    if (this.do.speaks) {
      if (language) this.do.speaks.value = language;
      this.do.speaks.disabled = lost || inCall || !["nobody", "you"].includes(holder) || !this.mine;
    }
    this.each("[data-key]", (button) => (button.disabled = !this.mine || !inCall || phase === "ringing"));
    this.each("[data-words]", (button) => (button.disabled = !this.mine || phase !== "menu"));
    this.each("[data-say]", (button) => (button.disabled = !this.mine || phase !== "talking"));
    this.showSentences(language);
    this.keepFocus();
  }

  /** Whoever pressed a button that can be pressed no more stays on this phone, so that the keys typed next are heard. */
  keepFocus() {
    const on = document.activeElement;
    if (on?.disabled && this.element.contains(on)) this.element.focus({ preventScroll: true });
  }

  course(phase) {
    if (phase === "lost") return "The simulator is gone. Trying again …";
    return phase === "talking" && !this.mine ? "In conversation." : PHASES[this.side][phase] ?? phase;
  }

  showSentences(language) {
    let known = false;
    this.each("[data-language]", (list) => {
      list.hidden = language !== null && list.dataset.language !== language;
      known ||= !list.hidden;
    });
    this.is.none.hidden = known;
  }

  each(selector, act) {
    this.element.querySelectorAll(selector).forEach(act);
  }

  tick() {
    for (const [name, level] of Object.entries(this.levels)) {
      const decibels = level > 0 ? 20 * Math.log10(level) : METER_FLOOR;
      const share = Math.round(100 * Math.max(0, 1 - decibels / METER_FLOOR));
      if (this.is[name].ariaValueNow !== `${share}`) {
        this.is[name].ariaValueNow = `${share}`;
        this.is[name].firstElementChild.style.transform = `scaleX(${share / 100})`;
      }
      this.levels[name] = level < 0.003 ? 0 : level * DECAY;
    }
    const seconds = Math.floor((Date.now() - this.since) / 1000);
    const shown = ["waiting", "talking"].includes(this.state.phase)
      ? `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}` : "";
    put(this.is.clock, shown);
  }
}

/** Do something with the microphone; where there is none, say so and go on without. */
async function hearing(act) {
  try {
    await act();
  } catch (error) {
    speaking?.mute(true);
    complain(`There is no microphone (${error.name}). Buttons still speak, and you hear.`);
  }
}

/** The end of a caption that is too long for the display. */
function shortened(text) {
  return text.length > LONGEST_CAPTION ? `… ${text.slice(-LONGEST_CAPTION)}` : text;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function press(button, on) {
  button.ariaPressed = `${on}`;
}

function tick() {
  phones.forEach((phone) => phone.tick());
  requestAnimationFrame(tick);
}

const headphones = document.getElementById("headphones");
headphones.addEventListener("change", () => hearing(() => sound.wear(headphones.checked)));
const phones = [...document.querySelectorAll(".phone")].map((element) => new Phone(element));
requestAnimationFrame(tick);
