// G.711 mu-law, the sound of the telephone: the same tables as bmv/audio/mulaw.py.

const BIAS = 132;
const LOUDEST = 32635;

/** The value of each of the 256 codes, within ±32124. */
export const DECODED = Int16Array.from({ length: 256 }, (_, index) => {
  const code = ~index & 0xff;
  const magnitude = ((((code & 0x0f) << 3) + BIAS) << ((code >> 4) & 0x07)) - BIAS;
  return code & 0x80 ? -magnitude : magnitude;
});

/** The code of a 16-bit value. */
export function encodeSample(value) {
  const biased = Math.min(Math.abs(value), LOUDEST) + BIAS;
  const exponent = 31 - Math.clz32(biased) - 7;
  const mantissa = (biased >> (exponent + 3)) & 0x0f;
  return ~((value < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}

/** Samples within ±1 to codes. What is louder is limited. */
export function encode(samples) {
  return Uint8Array.from(samples, (sample) =>
    encodeSample(Math.max(-32768, Math.min(32767, Math.round(sample * 32768)))));
}

/** Codes to samples within ±1. */
export function decode(codes) {
  return Float32Array.from(codes, (code) => DECODED[code] / 32768);
}

/** The loudest sample of a frame of codes, 0 to 1. */
export function peak(codes) {
  let loudest = 0;
  for (const code of codes) loudest = Math.max(loudest, Math.abs(DECODED[code]));
  return loudest / 32768;
}
