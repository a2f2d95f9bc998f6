// The microphone's end, in the thread of the sound: whatever rate it has, frames of 20 ms of mu-law leave it.

import { FRAME } from "./jitter.js";
import { encode } from "./mulaw.js";
import { Resampler } from "./resampler.js";

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, 8000);
    this.frame = new Float32Array(FRAME);
    this.filled = 0;
  }

  process([input]) {
    if (!input.length) return true;
    for (const sample of this.resampler.process(input[0])) {
      this.frame[this.filled] = sample;
      this.filled += 1;
      if (this.filled === FRAME) {
        this.filled = 0;
        const codes = encode(this.frame);
        this.port.postMessage(codes, [codes.buffer]);
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
