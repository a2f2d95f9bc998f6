// The loudspeaker's end, in the thread of the sound: frames of mu-law in, the rate of the loudspeaker out.

import { JitterBuffer } from "./jitter.js";
import { decode } from "./mulaw.js";
import { Resampler } from "./resampler.js";

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.buffer = new JitterBuffer((name) => this.port.postMessage(name));
    this.resampler = new Resampler(8000, sampleRate);
    this.ready = new Float32Array(0);
    this.port.onmessage = ({ data }) => {
      if (data.frame) this.buffer.put(decode(data.frame));
      else if (data.mark !== undefined) this.buffer.putMark(data.mark);
      else this.buffer.clear();
    };
  }

  process(_, [output]) {
    const wanted = output[0].length;
    while (this.ready.length < wanted) {
      const more = this.resampler.process(this.buffer.take());
      const joined = new Float32Array(this.ready.length + more.length);
      joined.set(this.ready);
      joined.set(more, this.ready.length);
      this.ready = joined;
    }
    for (const channel of output) channel.set(this.ready.subarray(0, wanted));
    this.ready = this.ready.slice(wanted);
    return true;
  }
}

registerProcessor("playback", Playback);
