// The glass in three dimensions: atoms as shaded spheres, bonds as sticks coloured by their strength, with WebGL 2.
"use strict";
(() => {
  const source = document.getElementById("scene");
  if (!source) return;
  const scene = JSON.parse(source.textContent), view = document.getElementById("view");
  const canvas = view.querySelector("canvas"), info = document.getElementById("view-info");
  const control = name => view.querySelector(`[name=${name}]`);
  const gl = canvas.getContext("webgl2", {antialias: true, preserveDrawingBuffer: true});  // kept for the printer
  if (!gl) {
    view.classList.add("without-webgl");
    info.textContent = "This browser offers no WebGL 2, so that the structure cannot be shown in three dimensions. The map and the tables hold the same numbers.";
    return;
  }

  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer;
  const position = new Float32Array(bytes(scene.position)), element = new Uint8Array(bytes(scene.element));
  const sum = new Float32Array(bytes(scene.sum)), coordination = new Uint16Array(bytes(scene.coordination));
  const first = new Uint32Array(bytes(scene.first)), second = new Uint32Array(bytes(scene.second));
  const shift = new Int8Array(bytes(scene.shift)), kind = new Uint8Array(bytes(scene.type));
  const strength = new Float32Array(bytes(scene.strength)), std = scene.std ? new Float32Array(bytes(scene.std)) : null;
  const flagged = scene.flagged ? new Uint8Array(bytes(scene.flagged)) : null;
  const nAtoms = element.length, nBonds = first.length, cell = scene.cell;
  const centre = [0, 1, 2].map(k => (cell[0][k] + cell[1][k] + cell[2][k]) / 2);
  const radiusOfAll = Math.hypot(...[0, 1, 2].map(k => Math.abs(cell[0][k]) + Math.abs(cell[1][k]) + Math.abs(cell[2][k]))) / 2;

  // Half bonds: one from each atom towards the other, so that bonds through the boundary end at it from both sides.
  const vector = new Float32Array(3 * nBonds), half = new Float32Array(6 * 2 * nBonds);
  for (let b = 0; b < nBonds; b++) {
    const i = 3 * first[b], j = 3 * second[b];
    for (let k = 0; k < 3; k++) {
      const v = position[j + k] - position[i + k] + shift[3 * b] * cell[0][k] + shift[3 * b + 1] * cell[1][k] + shift[3 * b + 2] * cell[2][k];
      vector[3 * b + k] = v;
      half[12 * b + k] = position[i + k]; half[12 * b + 3 + k] = position[i + k] + v / 2;
      half[12 * b + 6 + k] = position[j + k]; half[12 * b + 9 + k] = position[j + k] - v / 2;
    }
  }
  // Each value (of so many numbers) for several corners. The corners are written out since instances, which would save
  // memory, are drawn one by one where the processor draws: ten times as slowly.
  const repeated = (values, times, width = 1) => {
    const out = new values.constructor(times * values.length);
    for (let k = 0; k < values.length; k += width) for (let t = 0; t < times; t++) for (let c = 0; c < width; c++) out[times * k + t * width + c] = values[k + c];
    return out;
  };
  const edges = [];
  for (let k = 0; k < 3; k++) for (const a of [0, 1]) for (const b of [0, 1]) {
    const p = [0, 1, 2].map(c => a * cell[(k + 1) % 3][c] + b * cell[(k + 2) % 3][c]);
    edges.push(...p, ...p.map((v, c) => v + cell[k][c]));
  }

  const COMMON = `#version 300 es
    precision highp float;
    uniform mat3 rotation; uniform vec3 centre; uniform float zoom; uniform vec2 pan; uniform vec2 size; uniform float depth;
    uniform mat3 reciprocal; uniform int axis;
    vec3 seen(vec3 p) { return rotation * (p - centre); }
    vec4 clip(vec3 q) { return vec4((q.xy * zoom + pan) * 2.0 / size, -q.z / depth, 1.0); }
    float along(vec3 p) { vec3 f = reciprocal * p; return axis == 0 ? f.x : axis == 1 ? f.y : f.z; }`;
  const COLOURS = `#version 300 es
    precision highp float;
    uniform vec3 stops[16]; uniform float low; uniform float high; uniform vec2 slice; uniform vec3 ground; uniform float depth;
    vec3 map(float v) { float at = clamp((v - low) / (high - low), 0.0, 1.0) * 15.0; int k = int(min(at, 14.0)); return mix(stops[k], stops[k + 1], at - float(k)); }
    vec3 fade(vec3 c, float z) { return mix(c, ground, 0.55 * smoothstep(-0.35, 1.0, -z / depth)); }`;
  const ATOM = [COMMON + `
    in vec3 place; in float species; in float value; uniform float radii[20]; uniform float shown[20];
    out float v_value; out float v_along; out float v_radius; out float v_z; flat out int v_species;
    void main() {
      vec3 q = seen(place); v_species = int(species); v_value = value; v_along = along(place); v_radius = radii[v_species]; v_z = q.z;
      gl_Position = shown[v_species] > 0.5 ? clip(q) : vec4(2.0, 2.0, 2.0, 1.0);
      gl_PointSize = max(2.0, 2.0 * v_radius * zoom);
    }`, COLOURS + `
    in float v_value; in float v_along; in float v_radius; in float v_z; flat in int v_species;
    uniform vec3 palette[20]; uniform bool byValue; out vec4 colour;
    void main() {
      vec2 p = 2.0 * gl_PointCoord - 1.0; float d = dot(p, p);
      if (d > 1.0 || v_along < slice.x || v_along > slice.y) discard;
      vec3 n = vec3(p.x, -p.y, sqrt(1.0 - d));
      float z = v_z + v_radius * n.z; gl_FragDepth = 0.5 - 0.5 * z / depth;
      float light = 0.42 + 0.58 * max(0.0, dot(n, normalize(vec3(-0.4, 0.6, 0.8))));
      colour = vec4(fade(light * (byValue ? map(v_value) : palette[v_species]), z), 1.0);
    }`];
  const STICK = [COMMON + `
    in vec3 from; in vec3 to; in float value; in float power; in float type; in float flag;
    uniform float width; uniform float least; uniform int only; uniform bool flaggedOnly; uniform bool frame; uniform float shown[20];
    in vec2 ends;
    out float v_value; out float v_along; out float v_s; out float v_z;
    void main() {
      vec2 corner = vec2(gl_VertexID >> 1 & 1, 2 * (gl_VertexID & 1) - 1);
      vec3 a = seen(from), b = seen(to), q = mix(a, b, corner.x);
      vec2 way = b.xy - a.xy; float l = length(way); way = l > 1e-6 ? way / l : vec2(1.0, 0.0);
      q.xy += corner.y * vec2(-way.y, way.x) * max(width, 0.6 / zoom);
      v_value = value; v_along = along(mix(from, to, corner.x)); v_s = corner.y; v_z = q.z;
      bool keep = frame || (power >= least && (only < 0 || int(type) == only) && (!flaggedOnly || flag > 0.5) && shown[int(ends.x)] > 0.5 && shown[int(ends.y)] > 0.5);
      gl_Position = keep ? clip(q) : vec4(2.0, 2.0, 2.0, 1.0);
    }`, COLOURS + `
    in float v_value; in float v_along; in float v_s; in float v_z; uniform vec3 ink; uniform bool frame; out vec4 colour;
    void main() {
      if (!frame && (v_along < slice.x || v_along > slice.y)) discard;
      float light = 0.5 + 0.5 * sqrt(1.0 - v_s * v_s);
      colour = vec4(frame ? ink : fade(light * map(v_value), v_z), 1.0);
    }`];

  function program([vertex, fragment]) {
    const result = gl.createProgram();
    for (const [type, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, text); gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(result, shader);
    }
    gl.linkProgram(result);
    if (!gl.getProgramParameter(result, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(result));
    const at = {};
    for (let k = 0; k < gl.getProgramParameter(result, gl.ACTIVE_UNIFORMS); k++) {
      const name = gl.getActiveUniform(result, k).name.replace("[0]", "");
      at[name] = gl.getUniformLocation(result, name);
    }
    return {program: result, at, attribute: name => gl.getAttribLocation(result, name)};
  }
  function buffer(array) {
    const result = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, result); gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
    return result;
  }
  function attach(on, name, of, size, type, stride = 0, offset = 0) {
    const at = on.attribute(name);
    if (at < 0) return;
    gl.bindBuffer(gl.ARRAY_BUFFER, of); gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, false, stride, offset);
  }
  const atoms = program(ATOM), sticks = program(STICK);
  // Two halves of a bond with four corners each, drawn as two triangles.
  const powers = buffer(repeated(strength, 8)), values = {strength: powers, std: std && buffer(repeated(std, 8))};
  function corners(n) {
    const index = new Uint32Array(6 * n);
    for (let k = 0; k < n; k++) index.set([4 * k, 4 * k + 1, 4 * k + 2, 4 * k + 2, 4 * k + 1, 4 * k + 3], 6 * k);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer()); gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, index, gl.STATIC_DRAW);
  }
  const atomArray = gl.createVertexArray();
  gl.bindVertexArray(atomArray);
  attach(atoms, "place", buffer(position), 3, gl.FLOAT);
  attach(atoms, "species", buffer(element), 1, gl.UNSIGNED_BYTE);
  attach(atoms, "value", buffer(sum), 1, gl.FLOAT);
  const ends = new Uint8Array(2 * nBonds);
  for (let b = 0; b < nBonds; b++) ends.set([element[first[b]], element[second[b]]], 2 * b);
  const bondArray = gl.createVertexArray();
  gl.bindVertexArray(bondArray);
  const halves = buffer(repeated(half, 4, 6));
  attach(sticks, "from", halves, 3, gl.FLOAT, 24);
  attach(sticks, "to", halves, 3, gl.FLOAT, 24, 12);
  attach(sticks, "power", powers, 1, gl.FLOAT);
  attach(sticks, "type", buffer(repeated(kind, 8)), 1, gl.UNSIGNED_BYTE);
  attach(sticks, "flag", buffer(repeated(flagged || new Uint8Array(nBonds), 8)), 1, gl.UNSIGNED_BYTE);
  attach(sticks, "ends", buffer(repeated(ends, 8, 2)), 2, gl.UNSIGNED_BYTE);
  corners(2 * nBonds);
  const frameArray = gl.createVertexArray();
  gl.bindVertexArray(frameArray);
  const frame = buffer(repeated(new Float32Array(edges), 4, 6));
  attach(sticks, "from", frame, 3, gl.FLOAT, 24);
  attach(sticks, "to", frame, 3, gl.FLOAT, 24, 12);
  corners(12);

  // ---- the view

  const HOME = [[0.87, 0, -0.5], [0.17, 0.94, 0.29], [0.47, -0.34, 0.81]];
  const state = {rotation: orthonormal(HOME), zoom: 1, pan: [0, 0], shown: scene.elements.map(() => 1)};
  function orthonormal(m) {
    const norm = v => { const l = Math.hypot(...v); return v.map(x => x / l); }, dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    const a = norm(m[0]), b = norm(m[1].map((v, k) => v - dot(m[1], a) * a[k]));
    return [a, b, [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]];
  }
  const times = (a, b) => a.map(row => [0, 1, 2].map(c => row[0] * b[0][c] + row[1] * b[1][c] + row[2] * b[2][c]));
  function turn(x, y) {
    const [cx, sx, cy, sy] = [Math.cos(x), Math.sin(x), Math.cos(y), Math.sin(y)];
    state.rotation = orthonormal(times(times([[1, 0, 0], [0, cx, -sx], [0, sx, cx]], [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]), state.rotation));
    move();
  }
  const zoomNow = () => Math.min(canvas.width, canvas.height) / (2.0 * radiusOfAll) * 1.2 * state.zoom;
  const columns = m => new Float32Array([0, 1, 2].flatMap(c => m.map(row => row[c])));
  const reciprocal = (() => {
    const [a, b, c] = cell, cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    const volume = cross(a, b).reduce((s, v, k) => s + v * c[k], 0);
    return [cross(b, c), cross(c, a), cross(a, b)].map(row => row.map(v => v / volume));
  })();
  const rgb = text => text.match(/[\d.]+/g).slice(0, 3).map(v => v / 255);
  const padded = (list, n, empty) => [...list, ...Array(n).fill(empty)].slice(0, n).flat();
  const scale = () => control("bonds").value === "std" ? scene.scales.std : scene.scales.strength;
  // At the left end of its range all bonds are shown, those below the range too.
  const least = () => { const {value, min, max} = control("least"); return value - min <= 1e-4 * (max - min) ? -1e9 : +value; };
  // Bonds come from strong to weak, so that those above a strength are the first.
  function strongerThan(limit) {
    let from = 0, to = nBonds;
    while (from < to) { const middle = (from + to) >> 1; if (strength[middle] >= limit) from = middle + 1; else to = middle; }
    return from;
  }
  const slice = () => {
    const middle = +control("slice").value / 100, thick = +control("thickness").value / 100;
    return thick >= 1 ? [-1e9, 1e9] : [middle - thick / 2, middle + thick / 2];
  };
  function common(on) {
    gl.useProgram(on.program);
    gl.uniformMatrix3fv(on.at.rotation, false, columns(state.rotation));
    gl.uniform3fv(on.at.centre, centre); gl.uniform1f(on.at.zoom, zoomNow());
    gl.uniform2fv(on.at.pan, state.pan.map(v => v * canvas.width)); gl.uniform2f(on.at.size, canvas.width, canvas.height);
    gl.uniform1f(on.at.depth, 1.2 * radiusOfAll); gl.uniformMatrix3fv(on.at.reciprocal, false, columns(reciprocal));
    gl.uniform1i(on.at.axis, +control("axis").value); gl.uniform3fv(on.at.stops, scene.stops.flat());
    gl.uniform2fv(on.at.slice, slice()); gl.uniform3fv(on.at.ground, rgb(getComputedStyle(view).getPropertyValue("background-color")));
    gl.uniform1fv(on.at.shown, padded(state.shown, 20, 1));
  }
  // While it moves on a slow machine, it is drawn coarser and with fewer bonds; once it stands still, in full.
  let moving = false, detail = 1, rest = 0;
  function draw() {
    pending = false;
    const start = performance.now();
    const ratio = Math.min(2, window.devicePixelRatio || 1) * (moving ? detail : 1), box = canvas.getBoundingClientRect();
    const w = Math.max(1, Math.round(box.width * ratio)), h = Math.max(1, Math.round(box.height * ratio));
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    gl.viewport(0, 0, w, h); gl.enable(gl.DEPTH_TEST);
    gl.clearColor(...rgb(getComputedStyle(view).getPropertyValue("background-color")), 1); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    common(sticks);
    gl.uniform3fv(sticks.at.ink, rgb(getComputedStyle(view).getPropertyValue("color")));
    gl.uniform1i(sticks.at.frame, 1); gl.uniform1f(sticks.at.width, 0);
    gl.bindVertexArray(frameArray); gl.drawElements(gl.TRIANGLES, 6 * 12, gl.UNSIGNED_INT, 0);
    if (control("bonds").value !== "none") {
      gl.uniform1i(sticks.at.frame, 0); gl.uniform1f(sticks.at.width, 0.11);
      gl.uniform1f(sticks.at.low, scale().low); gl.uniform1f(sticks.at.high, scale().high);
      gl.uniform1f(sticks.at.least, least()); gl.uniform1i(sticks.at.only, +control("type").value);
      gl.uniform1i(sticks.at.flaggedOnly, control("flagged") && control("flagged").checked ? 1 : 0);
      gl.bindVertexArray(bondArray);
      attach(sticks, "value", values[control("bonds").value], 1, gl.FLOAT);
      const most = moving && detail < 1 ? Math.round(30000 * detail * detail) : nBonds;
      gl.drawElements(gl.TRIANGLES, 6 * 2 * Math.min(strongerThan(least()), most), gl.UNSIGNED_INT, 0);
    }
    if (control("atoms").value !== "none") {
      common(atoms);
      gl.uniform1i(atoms.at.byValue, control("atoms").value === "sum" ? 1 : 0);
      gl.uniform1f(atoms.at.low, scene.scales.sum.low); gl.uniform1f(atoms.at.high, scene.scales.sum.high);
      gl.uniform3fv(atoms.at.palette, padded(scene.elements.map(e => e.colour.map(v => v / 255)), 20, [0, 0, 0]));
      gl.uniform1fv(atoms.at.radii, padded(scene.elements.map(e => e.radius), 20, 0.3));
      gl.bindVertexArray(atomArray); gl.drawArrays(gl.POINTS, 0, nAtoms);
    }
    if (moving) {
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));  // waits until it is drawn
      const took = performance.now() - start;
      detail = Math.max(0.3, Math.min(1, detail * (took > 40 ? 0.75 : took < 15 ? 1.15 : 1)));
    }
    view.dataset.frames = 1 + +(view.dataset.frames || 0);
    view.dataset.state = moving ? "moving" : "still";
  }
  let pending = false;
  function redraw() { if (!pending) { pending = true; requestAnimationFrame(draw); } }
  function move() {
    moving = true;
    view.dataset.state = "moving";
    clearTimeout(rest);
    rest = setTimeout(() => { moving = false; redraw(); }, 250);
    redraw();
  }

  // ---- what a person does

  const project = (x, y, z) => {
    const p = [x - centre[0], y - centre[1], z - centre[2]], q = state.rotation.map(row => row[0] * p[0] + row[1] * p[1] + row[2] * p[2]);
    return [q[0] * zoomNow() + state.pan[0] * canvas.width, q[1] * zoomNow() + state.pan[1] * canvas.width, q[2]];
  };
  const inside = (x, y, z) => { const [a, b] = slice(), row = reciprocal[+control("axis").value], f = row[0] * x + row[1] * y + row[2] * z; return f >= a && f <= b; };
  function pick(event) {
    const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
    const mx = (event.clientX - box.left) * ratio - canvas.width / 2, my = canvas.height / 2 - (event.clientY - box.top) * ratio;
    let best = -1, front = -Infinity;
    if (control("atoms").value !== "none") for (let k = 0; k < nAtoms; k++) {
      if (!state.shown[element[k]]) continue;
      const x = position[3 * k], y = position[3 * k + 1], z = position[3 * k + 2], q = project(x, y, z), r = Math.max(2, scene.elements[element[k]].radius * zoomNow());
      if (q[2] > front && Math.hypot(q[0] - mx, q[1] - my) <= r && inside(x, y, z)) { front = q[2]; best = k; }
    }
    if (best >= 0) return `${scene.elements[element[best]].symbol}${best + 1}: ${coordination[best]} bonds listed, sum of their strengths ${sum[best].toFixed(2)} eV`;
    if (control("bonds").value === "none") return "";
    let near = (7 * ratio) ** 2;
    const only = +control("type").value, visible = strongerThan(least());
    const flaggedOnly = control("flagged") && control("flagged").checked;
    for (let b = 0; b < visible; b++) {
      if (only >= 0 && kind[b] !== only || flaggedOnly && !flagged[b] || !state.shown[element[first[b]]] || !state.shown[element[second[b]]]) continue;
      const i = 3 * first[b], at = [0, 1, 2].map(k => position[i + k] + vector[3 * b + k] / 2), q = project(...at), d = (q[0] - mx) ** 2 + (q[1] - my) ** 2;
      if (d < near && inside(...at)) { near = d; best = b; }
    }
    if (best < 0) return "";
    const i = first[best], j = second[best], length = Math.hypot(vector[3 * best], vector[3 * best + 1], vector[3 * best + 2]);
    return `${scene.elements[element[i]].symbol}${i + 1}–${scene.elements[element[j]].symbol}${j + 1}: ${length.toFixed(3)} Å, ${strength[best].toFixed(3)}${std ? ` ± ${std[best].toFixed(3)}` : ""} eV${flagged && flagged[best] ? ", an extrapolation" : ""}`;
  }
  const HINT = "Drag to turn, wheel to zoom, shift-drag to move; point at an atom or the middle of a bond for its values.";
  let held = null, asked = false;
  canvas.addEventListener("pointerdown", event => { held = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", () => { held = null; });
  canvas.addEventListener("pointercancel", () => { held = null; });
  canvas.addEventListener("pointermove", event => {
    if (held) {
      const dx = event.clientX - held[0], dy = event.clientY - held[1], width = canvas.getBoundingClientRect().width;
      held = [event.clientX, event.clientY];
      if (event.shiftKey || event.buttons === 2) { state.pan[0] += dx / width; state.pan[1] -= dy / width; move(); } else turn(dy * 0.008, dx * 0.008);
    } else if (!asked) {
      asked = true;
      requestAnimationFrame(() => { asked = false; info.textContent = pick(event) || HINT; });
    }
  });
  canvas.addEventListener("wheel", event => { event.preventDefault(); state.zoom = Math.max(0.3, Math.min(40, state.zoom * Math.exp(-event.deltaY * 0.0012))); move(); }, {passive: false});
  canvas.addEventListener("contextmenu", event => event.preventDefault());
  function home() { Object.assign(state, {rotation: orthonormal(HOME), zoom: 1, pan: [0, 0]}); redraw(); }
  canvas.addEventListener("keydown", event => {
    const step = {ArrowUp: [-0.12, 0], ArrowDown: [0.12, 0], ArrowLeft: [0, -0.12], ArrowRight: [0, 0.12]}[event.key];
    if (step && event.shiftKey) { state.pan[0] += step[1] / 4; state.pan[1] -= step[0] / 4; redraw(); }
    else if (step) turn(...step);
    else if (event.key === "+" || event.key === "=") { state.zoom *= 1.15; redraw(); }
    else if (event.key === "-") { state.zoom /= 1.15; redraw(); }
    else if (event.key === "0" || event.key === "Home") home();
    else return;
    event.preventDefault();
  });
  function label() {
    control("least").nextElementSibling.textContent = least() < -1e8 ? "all" : `above ${least().toFixed(2)} eV`;
    control("slice").nextElementSibling.textContent = `${control("slice").value} %`;
    control("thickness").nextElementSibling.textContent = +control("thickness").value >= 100 ? "whole cell" : `${control("thickness").value} %`;
    for (const bar of view.querySelectorAll(".bar")) {
      bar.hidden = bar.dataset.of !== control("bonds").value && !(bar.dataset.of === "sum" && control("atoms").value === "sum");
    }
  }
  for (const input of view.querySelectorAll("select, input")) input.addEventListener("input", () => { label(); redraw(); });
  view.querySelectorAll("button[data-element]").forEach((button, k) => button.addEventListener("click", () => {
    state.shown[k] = state.shown[k] ? 0 : 1;
    button.setAttribute("aria-pressed", String(Boolean(state.shown[k])));
    redraw();
  }));
  document.getElementById("view-home").addEventListener("click", home);
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  window.addEventListener("beforeprint", draw);
  info.textContent = HINT;
  label();
  redraw();
})();
