// What was said, line by line, in the order in which it began; a line that comes again grows in its place.

const NEAR = 48; // pixels from the end within which a reader counts as reading along
const NAMES = { caller: "Caller", agent: "Agent" };

export class Lines {
  #scroller; #list; #now; #read;
  #pairs = new Map(); // "caller 3" -> its element
  #follows = true;

  constructor({ scroller, list, now, read }) {
    [this.#scroller, this.#list, this.#now, this.#read] = [scroller, list, now, read];
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    now.addEventListener("click", () => {
      scroller.focus({ preventScroll: true }); // the button is gone then
      this.jump();
    });
    new ResizeObserver(() => this.#keep()).observe(scroller);
    new ResizeObserver(() => this.#keep()).observe(list);
  }

  get empty() { return this.#pairs.size === 0; }

  clear() {
    this.#pairs.clear();
    this.#list.replaceChildren();
    this.jump();
  }

  // `line` as the server tells it; the same one again changes nothing but what has changed of it.
  show(line) {
    const pair = this.#pair(line);
    const ours = (line.kind === "translation") === (line.speaker === "caller");
    const text = pair.querySelector(ours ? ".ours" : ".theirs");
    const wasFinal = text.dataset.final === "true";
    text.textContent = line.text;
    text.dataset.final = line.final;
    text.classList.toggle("partial", !line.final);
    if (line.language) text.lang = line.language;
    if (line.lag != null) pair.querySelector(".late").textContent = `${line.lag.toFixed(1)} s behind`;
    if (line.final && !wasFinal) this.#readOut(line, ours, text);
    this.#keep();
  }

  jump() {
    this.#follows = true;
    this.#now.hidden = true;
    this.#keep();
  }

  #pair(line) {
    const key = `${line.speaker} ${line.line}`;
    const known = this.#pairs.get(key);
    if (known) return known;
    const pair = document.createElement("li");
    pair.dataset.speaker = line.speaker;
    pair.dataset.at = line.at;
    const who = element("p", "who", element("b", "", NAMES[line.speaker] ?? line.speaker));
    who.append(element("time", "", clock(line.at)), element("span", "late"));
    pair.append(who, element("p", "ours"), element("p", "theirs"));
    for (const text of pair.querySelectorAll(".ours, .theirs")) text.dir = "auto";
    const later = [...this.#list.children].reverse().find((each) => Number(each.dataset.at) <= line.at);
    if (later) later.after(pair); else this.#list.prepend(pair);
    this.#pairs.set(key, pair);
    return pair;
  }

  // Only what the other one said, and only when it is complete: what grows would be read again and again.
  #readOut(line, ours, text) {
    if (line.speaker !== "caller" || !(ours || document.body.classList.contains("same"))) return;
    const said = element("p", "", `Caller: ${line.text}`);
    said.lang = text.lang;
    this.#read.append(said);
    while (this.#read.children.length > 20) this.#read.firstChild.remove();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#follows = scrollHeight - scrollTop - clientHeight < NEAR;
    this.#now.hidden = this.#follows;
  }

  #keep() {
    if (this.#follows) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}

export function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

// Seconds as people read them: 1:05, and 1:01:05 after an hour.
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
}
