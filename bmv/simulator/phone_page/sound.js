// Microphone and loudspeaker of this tab: one of each, for both phones.

let context = null;
let loaded = null;
let microphone = null;
let listener = null;
let headphones = false;

/** Whether this page may have sound at all: browsers give it to https and to this machine alone. */
export const possible = window.isSecureContext && "AudioWorkletNode" in window;

async function running() {
  context ??= new AudioContext({ latencyHint: "interactive" });
  loaded ??= Promise.all(
    ["capture.js", "playback.js"].map((name) => context.audioWorklet.addModule(new URL(name, import.meta.url))));
  await context.resume();
  await loaded;
  return context;
}

/** A loudspeaker: `play(frame)`, `mark(name)`, `clear()`. Needs a click of the user's before it. */
export async function speaker(onMark) {
  const node = new AudioWorkletNode(await running(), "playback", { numberOfInputs: 0, outputChannelCount: [1] });
  node.port.onmessage = ({ data }) => onMark(data);
  node.connect(context.destination);
  return {
    play: (frame) => node.port.postMessage({ frame }),
    mark: (mark) => node.port.postMessage({ mark }),
    clear: () => node.port.postMessage({}),
  };
}

/** Give what the microphone hears, frame by frame, to this listener and nobody else. Raises what the browser says. */
export async function listen(onFrame) {
  listener = onFrame;
  microphone ??= open();
  try {
    await microphone;
  } catch (error) {
    microphone = null;
    throw error;
  }
}

/** Whether the loudspeaker cannot be heard by the microphone, so that the voice may be sent as it is. */
export async function wear(on) {
  headphones = on;
  const onFrame = listener;
  if (!onFrame) return;
  await close();
  await listen(onFrame);
}

/** Listen no more; the microphone's light goes out. */
export async function close() {
  const opened = microphone;
  microphone = listener = null;
  (await opened?.catch(() => null))?.();
}

/** Open it; gives how to close it again. */
async function open() {
  const help = !headphones; // what takes the loudspeaker's sound out of the microphone's takes of the voice, too
  const wanted = { channelCount: 1, echoCancellation: help, noiseSuppression: help, autoGainControl: help };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  const node = new AudioWorkletNode(await running(), "capture", { numberOfOutputs: 0 });
  const source = context.createMediaStreamSource(stream);
  node.port.onmessage = ({ data }) => listener?.(data);
  source.connect(node);
  return () => {
    source.disconnect();
    node.port.onmessage = null;
    stream.getTracks().forEach((track) => track.stop());
  };
}
