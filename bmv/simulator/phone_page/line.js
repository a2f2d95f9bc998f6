// One phone's line to the simulator: the messages of Twilio's Media Streams, of which this is Twilio's end.

const SLOWEST_RETRY = 5000;

export class Line {
  /** `hooks`: onState(state), onCaption(own, text), onRefused(why), onFrame(codes), onMark(name), onClear(), onLost(). */
  constructor(side, hooks) {
    this.side = side;
    this.hooks = hooks;
    this.streamSid = "";
    this.retry = 500;
    this.#open();
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const key = new URLSearchParams(location.search).get("key");
    const query = key ? `?${new URLSearchParams({ key })}` : "";
    this.socket = new WebSocket(`${scheme}://${location.host}/phone/${this.side}${query}`);
    this.socket.onopen = () => {
      this.retry = 500;
      this.tell({ event: "connected", protocol: "Call", version: "1.0.0" });
    };
    this.socket.onmessage = ({ data }) => this.#obey(JSON.parse(data));
    this.socket.onclose = () => {
      this.streamSid = "";
      this.hooks.onLost();
      setTimeout(() => this.#open(), this.retry);
      this.retry = Math.min(2 * this.retry, SLOWEST_RETRY);
    };
  }

  #obey(message) {
    switch (message.event) {
      case "media":
        this.hooks.onFrame(Uint8Array.from(atob(message.media.payload), (letter) => letter.charCodeAt(0)));
        break;
      case "mark":
        this.hooks.onMark(message.mark.name);
        break;
      case "clear":
        this.hooks.onClear();
        break;
      case "state":
        this.hooks.onState(message);
        break;
      case "caption":
        this.hooks.onCaption(message.own, message.text);
        break;
      case "refused":
        this.hooks.onRefused(message.why);
        break;
    }
  }

  /** Take the phone: its stream begins. */
  start() {
    const random = crypto.getRandomValues(new Uint8Array(16));
    this.streamSid = `MZ${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    this.sequence = 1;
    this.chunk = 0;
    this.#number({
      event: "start",
      start: {
        streamSid: this.streamSid,
        tracks: ["inbound"],
        mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
        customParameters: { side: this.side },
      },
    });
  }

  /** Give it back. */
  stop() {
    this.#number({ event: "stop", stop: {} });
    this.streamSid = "";
  }

  media(codes) {
    if (!this.streamSid) return;
    this.chunk += 1;
    const payload = btoa(String.fromCharCode(...codes));
    this.#number({ event: "media", media: { track: "inbound", chunk: `${this.chunk}`, timestamp: `${20 * this.chunk}`, payload } });
  }

  key(digit) {
    this.#number({ event: "dtmf", dtmf: { track: "inbound_track", digit } });
  }

  mark(name) {
    this.#number({ event: "mark", mark: { name } });
  }

  #number(message) {
    this.tell({ ...message, sequenceNumber: `${this.sequence}`, streamSid: this.streamSid });
    this.sequence += 1;
  }

  /** Send what is no message of a stream. */
  tell(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
