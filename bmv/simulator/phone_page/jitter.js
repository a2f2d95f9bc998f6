// Frames that come as they like and go out on the tick: the buffer in front of the loudspeaker.

export const FRAME = 160; // samples of 8 kHz: 20 ms
const PREFILL = 3; // frames gathered before the first goes out
const LONGEST = 25; // frames that may wait; of more the oldest are thrown away
const SILENT = 200 / 32768;

export class JitterBuffer {
  /** `onMark` is called with the name of each mark when everything before it has gone out. */
  constructor(onMark) {
    this.onMark = onMark;
    this.queue = [];
    this.frames = 0;
    this.flowing = false;
    this.last = null;
  }

  /** Take a frame of FRAME samples. */
  put(frame) {
    this.queue.push(frame);
    this.frames += 1;
    while (this.frames > LONGEST) this.#next();
  }

  putMark(name) {
    this.queue.push(name);
    if (this.frames === 0) this.#next();
  }

  /** Give the next frame. Whatever begins or ends in the middle of a sound is faded, so nothing clicks. */
  take() {
    const begins = !this.flowing;
    if (this.frames >= PREFILL) this.flowing = true;
    let frame = this.flowing ? this.#next() : null;
    while (frame && this.frames > 2 * PREFILL && isSilent(frame)) frame = this.#next();
    if (frame) {
      this.last = frame;
      return begins ? frame.map((sample, place) => sample * Math.min(1, place / 40)) : frame;
    }
    this.flowing = false;
    const dying = this.last;
    this.last = null;
    // Backwards, it goes on where it has ended.
    return dying ? Float32Array.from(dying, (_, place) => dying[FRAME - 1 - place] * (1 - place / FRAME)) : new Float32Array(FRAME);
  }

  /** Forget what waits; all marks are reached. */
  clear() {
    while (this.queue.length) this.#next();
  }

  #next() {
    while (this.queue.length) {
      const item = this.queue.shift();
      if (typeof item !== "string") {
        this.frames -= 1;
        while (typeof this.queue[0] === "string") this.onMark(this.queue.shift());
        return item;
      }
      this.onMark(item);
    }
    return null;
  }
}

function isSilent(frame) {
  return frame.every((sample) => Math.abs(sample) < SILENT);
}
