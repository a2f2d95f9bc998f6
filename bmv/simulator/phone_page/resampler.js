// From one sample rate to another, as a stream: a low-pass of windowed sincs, so that nothing folds back.

const PHASES = 256;
const ZEROS = 16; // of the sinc on each side of its centre
const CUT_OFF = 0.45; // of the lower of the two rates: 3600 Hz of 8000

export class Resampler {
  /** The delay is about 2 ms; output comes as soon as there is input enough for it. */
  constructor(from, to) {
    this.step = from / to;
    const cutOff = (CUT_OFF * Math.min(from, to)) / from; // cycles per sample of the input
    this.half = Math.ceil(ZEROS / (2 * cutOff));
    this.kernels = Array.from({ length: PHASES + 1 }, (_, phase) => kernel(phase / PHASES, this.half, cutOff));
    this.past = new Float32Array(2 * this.half);
    this.at = this.half; // where in `past` and what follows it the next output lies
  }

  /** Take samples, and give those that they make. */
  process(samples) {
    const heard = new Float32Array(this.past.length + samples.length);
    heard.set(this.past);
    heard.set(samples, this.past.length);
    const made = [];
    for (; this.at + this.half < heard.length; this.at += this.step) {
      const whole = Math.floor(this.at);
      const weights = this.kernels[Math.round((this.at - whole) * PHASES)];
      let sum = 0;
      for (let tap = 0, from = whole - this.half + 1; tap < weights.length; tap += 1) sum += weights[tap] * heard[from + tap];
      made.push(sum);
    }
    const done = Math.min(Math.floor(this.at) - this.half, heard.length);
    this.past = heard.slice(done);
    this.at -= done;
    return Float32Array.from(made);
  }
}

function kernel(fraction, half, cutOff) {
  const weights = Float32Array.from({ length: 2 * half }, (_, tap) => {
    const distance = tap - half + 1 - fraction;
    const turn = 2 * Math.PI * cutOff * distance;
    const window = Math.abs(distance) >= half ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * distance) / half);
    return (turn === 0 ? 1 : Math.sin(turn) / turn) * window;
  });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum); // each phase as loud as the others
}
