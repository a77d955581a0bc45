// Draws the charts of the page from their data: inline SVG, values on hover and by the arrow keys, CSV on request.
"use strict";
(() => {
  const NS = "http://www.w3.org/2000/svg";
  const data = JSON.parse(document.getElementById("charts").textContent);
  const tip = document.getElementById("tip");
  const MARGIN = {left: 60, right: 14, top: 26, bottom: 44};
  const POINTS_PER_PATH = 400;  // overlapping points of different paths darken, those of one path do not

  function make(tag, attributes = {}, parent = null, text = null) {
    const node = document.createElementNS(NS, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== null) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  }
  const colour = k => `var(--c${(k || 0) % 7})`;
  const known = v => v !== null && v !== undefined && Number.isFinite(v);
  const show = v => {
    if (!known(v)) return "–";
    const text = Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2) : String(+v.toPrecision(4));
    return text.replace("-", "−");
  };

  function viridis(t, stops) {
    const at = Math.max(0, Math.min(1, t)) * (stops.length - 1), k = Math.min(stops.length - 2, Math.floor(at)), f = at - k;
    return `rgb(${[0, 1, 2].map(c => Math.round(stops[k][c] * (1 - f) + stops[k + 1][c] * f)).join(",")})`;
  }

  function extent(panel, axis) {
    let low = Infinity, high = -Infinity;
    const take = v => { if (known(v) && !(panel[axis].log && v <= 0)) { low = Math.min(low, v); high = Math.max(high, v); } };
    for (const layer of panel.layers) {
      (layer[axis] || []).forEach(take);
      (layer[axis + "2"] || []).forEach(take);
      if (layer.kind === "steps" && axis === "y" || layer.kind === "bars" && axis === "x") take(0);
    }
    if (!(low <= high)) { low = panel[axis].log ? 0.1 : 0; high = 1; }
    return [low, high];
  }

  function scaleOf(panel, axis, from, to) {
    const spec = panel[axis];
    if (spec.categories) {
      const n = spec.categories.length, step = (from - to) / n;  // the first on top
      const map = v => to + (v + 0.5) * step;
      return {map, ticks: spec.categories.map((name, k) => [k, name]), low: -0.5, high: n - 0.5, step: Math.abs(step)};
    }
    let [low, high] = extent(panel, axis);
    if (panel.square) {
      const [l2, h2] = extent(panel, axis === "x" ? "y" : "x");
      low = Math.min(low, l2); high = Math.max(high, h2);
    }
    if (spec.log) {
      low /= 1.15; high *= 1.15;
    } else {
      const flat = panel.layers.some(l => l.kind === "steps" && axis === "y" || l.kind === "bars" && axis === "x");
      const pad = (high - low || Math.abs(high) || 1) * 0.05;
      if (!(flat && low === 0)) low -= pad;
      high += flat ? 2.4 * pad : pad;
    }
    if (known(spec.low)) low = spec.low;
    if (known(spec.high)) high = spec.high;
    const f = spec.log ? Math.log : v => v;
    const a = f(low), b = f(high);
    const map = v => from + (f(v) - a) / (b - a || 1) * (to - from);
    return {map, ticks: (spec.log ? logTicks(low, high) : ticks(low, high, Math.abs(to - from) / 55)).map(v => [v, show(v)]), low, high};
  }

  function ticks(low, high, n) {
    const raw = (high - low) / Math.max(2, n), power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map(m => m * power).find(s => s >= raw * 0.999);
    const result = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) result.push(+(k * step).toPrecision(12));
    return result;
  }

  function logTicks(low, high) {
    const result = [], few = high / low > 60;
    for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p++)
      for (const m of few ? [1] : [1, 2, 5]) if (m * 10 ** p >= low && m * 10 ** p <= high) result.push(+(m * 10 ** p).toPrecision(6));
    return result;
  }

  function draw(panel, chart) {
    const W = panel.width, H = panel.height;
    const left = panel.y.categories ? Math.min(W * 0.45, 16 + 6.6 * Math.max(...panel.y.categories.map(c => c.length))) : MARGIN.left;
    const named = panel.layers.filter(l => l.kind === "line" && l.name);
    const written = panel.layers.filter(l => (l.kind === "bars" || l.kind === "ranges") && l.text).flatMap(l => l.text);
    const right = panel.scale ? 62 : written.length ? 16 + 6.8 * Math.max(...written.map(t => t.length)) : named.length ? 16 + 6.6 * Math.max(...named.map(l => l.name.length)) : MARGIN.right;
    const svg = make("svg", {viewBox: `0 0 ${W} ${H}`, role: "img", tabindex: "0", class: "panel"});
    svg.style.width = W + "px";
    make("title", {}, svg, `${panel.title ? panel.title + ": " : ""}${panel.y.label || ""} against ${panel.x.label}. ${chart.title}`);
    const x = scaleOf(panel, "x", left, W - right), y = scaleOf(panel, "y", H - MARGIN.bottom, MARGIN.top);
    const clip = `clip-${chart.name}-${chart.panels.indexOf(panel)}`;
    make("rect", {x: left, y: MARGIN.top, width: W - right - left, height: H - MARGIN.bottom - MARGIN.top},
      make("clipPath", {id: clip}, make("defs", {}, svg)));
    const axes = make("g", {class: "axes"}, svg);
    for (const [v, name] of x.ticks) {
      make("line", {x1: x.map(v), x2: x.map(v), y1: MARGIN.top, y2: H - MARGIN.bottom, class: "grid"}, axes);
      make("text", {x: x.map(v), y: H - MARGIN.bottom + 15, "text-anchor": "middle"}, axes, name);
    }
    for (const [v, name] of y.ticks) {
      if (!panel.y.categories) make("line", {x1: left, x2: W - right, y1: y.map(v), y2: y.map(v), class: "grid"}, axes);
      make("text", {x: left - 7, y: y.map(v) + 4, "text-anchor": "end"}, axes, name);
    }
    make("line", {x1: left, x2: W - right, y1: H - MARGIN.bottom, y2: H - MARGIN.bottom, class: "axis"}, axes);
    make("line", {x1: left, x2: left, y1: MARGIN.top, y2: H - MARGIN.bottom, class: "axis"}, axes);
    make("text", {x: (left + W - right) / 2, y: H - 10, "text-anchor": "middle", class: "label"}, axes, panel.x.label);
    if (panel.y.label) make("text", {transform: `translate(12 ${(MARGIN.top + H - MARGIN.bottom) / 2}) rotate(-90)`, "text-anchor": "middle", class: "label"}, axes, panel.y.label);
    if (panel.title) make("text", {x: left, y: 15, class: "title"}, svg, panel.title);
    const marks = make("g", panel.y.categories ? {} : {"clip-path": `url(#${clip})`}, svg);
    const hits = [];
    for (const layer of panel.layers) drawLayer(layer, panel, {x, y, left, right: W - right, top: MARGIN.top, bottom: H - MARGIN.bottom}, marks, hits, svg);
    labelLines(named, x, y, W - right, svg);
    if (panel.scale) colourBar(panel, W, H, svg);
    if (panel.note) panel.note.split("\n").forEach((line, k) => make("text", {x: panel.note_right ? W - right - 7 : left + 7, y: MARGIN.top + 13 + 14 * k, class: "note", "text-anchor": panel.note_right ? "end" : "start"}, svg, line));
    interact(svg, hits, W, H);
    return svg;
  }

  function drawLayer(layer, panel, box, marks, hits, svg) {
    const {x, y} = box, style = `--k:${colour(layer.colour)}`;
    const n = Math.max((layer.x || []).length, (layer.y || []).length);
    const at = k => [x.map(layer.x[k]), y.map(layer.y[k])];
    const ok = k => known(layer.x[k]) && known(layer.y[k]) && !(panel.x.log && layer.x[k] <= 0) && !(panel.y.log && layer.y[k] <= 0);
    const describe = (k, px, py, lines) => hits.push({x: px, y: py, lines: [layer.name, layer.text && layer.text[k], ...lines].filter(Boolean)});
    const xy = k => [`${panel.x.label}: ${show(layer.x[k])}`, `${panel.y.label}: ${show(layer.y[k])}`];
    if (layer.kind === "zero") make("line", {x1: box.left, x2: box.right, y1: y.map(0), y2: y.map(0), class: "guide"}, marks);
    if (layer.kind === "diagonal") {
      const low = Math.max(x.low, y.low), high = Math.min(x.high, y.high);
      make("line", {x1: x.map(low), y1: y.map(low), x2: x.map(high), y2: y.map(high), class: "guide"}, marks);
    }
    if (layer.kind === "points") {
      const valid = [...Array(n).keys()].filter(ok);
      if (layer.value) {
        for (const k of valid) {
          const [px, py] = at(k), t = (layer.value[k] - panel.scale.low) / (panel.scale.high - panel.scale.low || 1);
          make("circle", {cx: px.toFixed(1), cy: py.toFixed(1), r: layer.size, fill: viridis(t, data.viridis), class: "mark"}, marks);
          describe(k, px, py, [...xy(k), `${panel.scale.label}: ${show(layer.value[k])}`]);
        }
      } else {
        const category = panel.y.categories;
        for (let start = 0; start < valid.length; start += POINTS_PER_PATH) {
          let d = "";
          for (const k of valid.slice(start, start + POINTS_PER_PATH)) {
            const [px, py] = at(k);
            d += `M${px.toFixed(1)} ${py.toFixed(1)}h0`;
            describe(k, px, py, category ? [category[layer.y[k]], `${panel.x.label}: ${show(layer.x[k])}`] : xy(k));
          }
          make("path", {d, class: "points", style: `${style};stroke-width:${2 * layer.size};${valid.length > 60 ? "opacity:.5" : ""}`}, marks);
        }
      }
    }
    if (layer.kind === "line") {
      const valid = [...Array(n).keys()].filter(ok);
      make("path", {d: valid.map((k, j) => `${j ? "L" : "M"}${at(k).map(v => v.toFixed(1)).join(" ")}`).join(""), class: "line", style}, marks);
      for (const k of valid) { const [px, py] = at(k); describe(k, px, py, xy(k)); }
      if (n <= 40) make("path", {d: valid.map(k => `M${at(k).map(v => v.toFixed(1)).join(" ")}h0`).join(""), class: "points", style: `${style};stroke-width:6`}, marks);
    }
    if (layer.kind === "band") {
      const there = [...Array(n).keys()].map(k => `${x.map(layer.x[k]).toFixed(1)} ${y.map(layer.y[k]).toFixed(1)}`);
      const back = [...Array(n).keys()].reverse().map(k => `${x.map(layer.x[k]).toFixed(1)} ${y.map(layer.y2[k]).toFixed(1)}`);
      make("path", {d: `M${there.join("L")}L${back.join("L")}Z`, class: "band", style}, marks);
    }
    if (layer.kind === "steps") {
      let d = `M${x.map(layer.x[0]).toFixed(1)} ${y.map(0).toFixed(1)}`;
      for (let k = 0; k < n; k++) {
        const py = y.map(layer.y[k]);
        d += `V${py.toFixed(1)}H${x.map(layer.x2[k]).toFixed(1)}`;
        describe(k, (x.map(layer.x[k]) + x.map(layer.x2[k])) / 2, py, [`${panel.x.label}: ${show(layer.x[k])} to ${show(layer.x2[k])}`, `${panel.y.label}: ${show(layer.y[k])}`]);
      }
      make("path", {d: d + `V${y.map(0).toFixed(1)}Z`, class: "steps", style, "data-bins": n}, marks);
    }
    if (layer.kind === "bars" || layer.kind === "ranges") {
      const thick = Math.min(20, box.y.step * 0.6);
      for (let k = 0; k < n; k++) {
        const from = x.map(layer.kind === "bars" ? 0 : layer.x[k]), to = x.map(layer.kind === "bars" ? layer.x[k] : layer.x2[k]), py = y.map(layer.y[k]);
        make("rect", {x: Math.min(from, to).toFixed(1), y: (py - thick / 2).toFixed(1), width: Math.max(1, Math.abs(to - from)).toFixed(1), height: thick.toFixed(1), rx: 2, class: "bar mark", style}, marks);
        if (layer.text) make("text", {x: to + 6, y: py + 4, class: "value"}, svg, layer.text[k]);
        const value = layer.kind === "bars" ? show(layer.x[k]) : `${show(layer.x[k])} to ${show(layer.x2[k])}`;
        describe(k, (from + to) / 2, py, [panel.y.categories[layer.y[k]], `${panel.x.label}: ${value}`]);
      }
    }
  }

  function labelLines(layers, x, y, edge, svg) {
    const ends = layers.map(layer => {
      const k = layer.x.map((_, i) => i).filter(i => known(layer.x[i]) && known(layer.y[i])).pop();
      return k === undefined ? null : {layer, x: x.map(layer.x[k]), y: y.map(layer.y[k])};
    }).filter(Boolean).sort((a, b) => a.y - b.y);
    let lowest = -Infinity;
    for (const end of ends) {
      const at = Math.max(end.y, lowest + 14);
      lowest = at;
      make("line", {x1: end.x + 4, y1: end.y, x2: edge + 4, y2: at, class: "leader", style: `--k:${colour(end.layer.colour)}`}, svg);
      make("text", {x: edge + 7, y: at + 4, class: "name"}, svg, end.layer.name);
    }
  }

  function colourBar(panel, W, H, svg) {
    const n = 40, x = W - 52, top = MARGIN.top + 16, height = H - MARGIN.bottom - top;
    for (let k = 0; k < n; k++) make("rect", {x, y: top + height * (1 - (k + 1) / n), width: 12, height: height / n + 0.5, fill: viridis((k + 0.5) / n, data.viridis)}, svg);
    for (const t of [0, 0.5, 1]) make("text", {x: x + 16, y: top + height * (1 - t) + 4}, svg, show(+(panel.scale.low + t * (panel.scale.high - panel.scale.low)).toPrecision(3)));
    make("text", {x: W - 4, y: MARGIN.top + 4, "text-anchor": "end"}, svg, panel.scale.label);
  }

  // ---- hover, and the arrow keys for those without a mouse

  function interact(svg, hits, W, H) {
    if (!hits.length) return;
    const ring = make("circle", {r: 6, class: "ring", visibility: "hidden"}, svg);
    const order = hits.map((_, k) => k).sort((a, b) => hits[a].x - hits[b].x || hits[a].y - hits[b].y);
    let current = -1;
    const select = k => {
      const hit = hits[k], box = svg.getBoundingClientRect();
      ring.setAttribute("cx", hit.x); ring.setAttribute("cy", hit.y); ring.setAttribute("visibility", "visible");
      tip.replaceChildren(...hit.lines.map(line => Object.assign(document.createElement("div"), {textContent: line})));
      tip.hidden = false;
      const px = box.left + hit.x / W * box.width, py = box.top + hit.y / H * box.height;
      tip.style.left = Math.max(4, Math.min(px + 12, document.documentElement.clientWidth - tip.offsetWidth - 8)) + "px";
      tip.style.top = Math.max(4, py - tip.offsetHeight - 10) + "px";
    };
    const leave = () => { ring.setAttribute("visibility", "hidden"); tip.hidden = true; };
    svg.addEventListener("pointermove", event => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * W, y = (event.clientY - box.top) / box.height * H;
      let best = -1, least = 30 ** 2;
      hits.forEach((hit, k) => { const d = (hit.x - x) ** 2 + (hit.y - y) ** 2; if (d < least) { least = d; best = k; } });
      if (best < 0) leave(); else select(best);
    });
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("blur", leave);
    svg.addEventListener("keydown", event => {
      const step = {ArrowRight: 1, ArrowLeft: -1, PageDown: 25, PageUp: -25}[event.key];
      if (event.key === "Escape") leave();
      if (!step) return;
      event.preventDefault();
      current = current < 0 ? 0 : Math.max(0, Math.min(order.length - 1, current + step));
      select(order[current]);
    });
  }

  // ---- CSV

  function save(name, rows) {
    const quote = v => { const text = v === null || v === undefined ? "" : String(v); return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
    const url = URL.createObjectURL(new Blob(["\ufeff" + rows.map(row => row.map(quote).join(",")).join("\n") + "\n"], {type: "text/csv"}));
    const link = Object.assign(document.createElement("a"), {href: url, download: name + ".csv"});
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  // A cell that a spreadsheet would run as a formula is given as text.
  const safe = v => typeof v === "string" && /^[=+@\t\r]|^-[^\d.]/.test(v) ? "'" + v : v;

  function rowsOf(chart) {
    const first = chart.panels[0];
    const rows = [["panel", "series", "kind", first.x.label, "to", first.y.label || "category", "to", "note", first.scale ? first.scale.label : "value"]];
    for (const panel of chart.panels) for (const layer of panel.layers) {
      const n = Math.max((layer.x || []).length, (layer.y || []).length);
      for (let k = 0; k < n; k++) {
        const category = panel.y.categories;
        rows.push([panel.title, layer.name, layer.kind, layer.x[k], layer.x2 && layer.x2[k], category ? category[layer.y[k]] : layer.y[k], layer.y2 && layer.y2[k], layer.text && layer.text[k], layer.value && layer.value[k]].map(safe));
      }
    }
    return rows;
  }

  for (const chart of data.charts) {
    const figure = document.getElementById("chart-" + chart.name), place = figure.querySelector(".panels");
    place.replaceChildren(...chart.panels.map(panel => draw({layers: [], title: "", ...panel}, chart)));
    figure.querySelector("button").addEventListener("click", () => save(chart.name, rowsOf(chart)));
  }
  for (const button of document.querySelectorAll("button[data-table]")) {
    button.addEventListener("click", () => {
      const table = document.getElementById(button.dataset.table);
      save(button.dataset.table, [...table.rows].map(row => [...row.cells].map(cell => safe(cell.textContent.trim()))));
    });
  }
})();
