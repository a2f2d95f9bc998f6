// The chart of lags: for each speaker a line through the medians, and a stroke up to the longest of each step.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 34; // pixels, for the figures of the scale
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 24;
const HIGHEST = [2, 4, 6, 10, 15, 20]; // seconds at the top of the scale

export function shape(name, attributes, ...content) {
  const made = document.createElementNS(SVG, name);
  for (const [each, value] of Object.entries(attributes)) made.setAttribute(each, value);
  made.append(...content);
  return made;
}

// `lags`: { caller: [[median, longest] | null, …], agent: … }, the oldest step first; `step` is in seconds.
export function drawLags(chart, lags, step) {
  const width = chart.clientWidth || 600;
  const height = chart.clientHeight || 200;
  const all = Object.values(lags).flat().filter(Boolean);
  const longest = Math.max(0, ...all.map((each) => each[1]));
  const top = HIGHEST.find((each) => each >= longest) ?? Math.ceil(longest / 10) * 10;
  const steps = Math.max(...Object.values(lags).map((each) => each.length));
  const x = (place) => LEFT + ((place + 0.5) / steps) * (width - LEFT - RIGHT);
  const y = (seconds) => TOP + (1 - seconds / top) * (height - TOP - BOTTOM);
  const lines = Object.entries(lags).map(([speaker, values]) => shape("g", { class: speaker }, ...drawn(values, x, y)));
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  chart.replaceChildren(...scale(top, y, width), ...times(steps * step, width, height), ...lines);
}

function drawn(values, x, y) {
  const shapes = [];
  let run = []; // steps side by side, which a line joins
  const join = () => {
    if (run.length > 1) shapes.push(shape("polyline", { class: "line", points: run.map((each) => each.join(",")).join(" ") }));
    run = [];
  };
  values.forEach((value, place) => {
    if (!value) return join();
    const at = round(x(place));
    const [median, longest] = value.map((each) => round(y(each)));
    if (longest < median) shapes.push(shape("line", { class: "worst", x1: at, x2: at, y1: median, y2: longest }));
    shapes.push(shape("circle", { class: "dot", cx: at, cy: median, r: 3 }));
    run.push([at, median]);
    return undefined;
  });
  join();
  return shapes;
}

function scale(top, y, width) {
  return [0, top / 2, top].flatMap((seconds) => [
    shape("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y(seconds), y2: y(seconds) }),
    shape("text", { x: LEFT - 6, y: y(seconds) + 4, "text-anchor": "end" }, `${seconds} s`),
  ]);
}

function times(seconds, width, height) {
  const said = [[LEFT, "start", `${seconds / 60} min ago`], [(LEFT + width - RIGHT) / 2, "middle", `${seconds / 120} min ago`], [width - RIGHT, "end", "now"]];
  return said.map(([x, anchor, text]) => shape("text", { x, y: height - 6, "text-anchor": anchor }, text));
}

function round(number) {
  return Math.round(number * 10) / 10;
}
