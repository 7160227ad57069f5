/**
 * The script of a page with charts, as text: the project knows no types of the DOM. Each figure gets its values under the pointer, by
 * touch and by keys; a chart of several series gets a switch for each; a chart with an axis that `data-zoom` tells can be zoomed, by
 * buttons or by a drag. Without the script the page has the same charts, and their tables.
 */
export const CHART_SCRIPT = `
(() => {
  const made = (name, attributes, text) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const html = (name, properties) => Object.assign(document.createElement(name), properties);
  const clamp = (low, value, high) => Math.max(low, Math.min(high, value));

  /** A coordinate's value, a value's coordinate, and how a value is written with so many digits. */
  const scaleOf = ({ kind, unit, knots }) => {
    const along = (from, to, value) => {
      let i = 1;
      while (i < knots.length - 1 && knots[i][from] < value) i++;
      const [a, b] = [knots[i - 1], knots[i]];
      return a[to] + ((value - a[from]) / (b[from] - a[from])) * (b[to] - a[to]);
    };
    const [to, from] = {
      linear: [(v) => v, (v) => v],
      log: [(v) => 10 ** v, Math.log10],
      doubling: [(v) => 2 ** v, Math.log2],
      nines: [(v) => 100 - 100 * 10 ** -v, (v) => -Math.log10(1 - v / 100)],
    }[kind];
    const digits = (value, n) => Number(value.toPrecision(n));
    return {
      value: (x) => to(along(0, 1, x)),
      at: (value) => along(1, 0, from(value)),
      round: (value, n) => unit === '%' ? 100 - digits(100 - value, n) : unit === '' ? Math.round(value) : digits(value, n),
      text: (value, n) => {
        if (unit === '%') return Number(value.toFixed(6)) + '%';
        if (unit === '') return value.toLocaleString('en-US');
        if (unit === 's') return Number(value.toPrecision(n)) + ' s';
        const [by, name] = [[1e9, ' s'], [1e6, ' ms'], [1e3, ' µs'], [0, ' ns']].find(([least]) => value >= least);
        return Number((value / (by || 1)).toPrecision(n)) + name;
      },
    };
  };

  for (const figure of document.querySelectorAll('figure')) {
    const svg = figure.querySelector('svg');
    const title = figure.querySelector('h3').textContent;
    const zoom = figure.dataset.zoom && JSON.parse(figure.dataset.zoom);
    const group = svg.querySelector('.zoom');
    const json = figure.querySelector('script');
    const off = new Set();
    const told = json ? JSON.parse(json.textContent).map(([series, x, y, text]) => ({ series, x, y, text })) : [];
    for (const mark of svg.querySelectorAll(json ? '.event, .cut' : '.zoom [class], rect, circle')) {
      const said = mark.querySelector(':scope > title');
      if (!said) continue;
      const { x, y, width, height } = mark.getBBox();
      told.push({ series: -1, x: x + width / 2, y: y + height / 2, text: said.textContent });
    }
    if (json) told.sort((a, b) => a.x - b.x);
    if (told.length === 0) continue;

    // The part of the horizontal axis that is seen, in coordinates of the drawing.
    const whole = zoom ? [zoom.plot.left, zoom.plot.right] : [0, 1];
    let [from, to] = whole;
    const scale = zoom && scaleOf(zoom.scale);
    const factor = () => (whole[1] - whole[0]) / (to - from);
    const place = ({ x, y }) => [zoom ? whole[0] + (x - from) * factor() : x, y];
    const ticks = svg.querySelector('.ticks');
    const usual = ticks && [...ticks.childNodes];
    const drawTicks = () => {
      if (to - from > whole[1] - whole[0] - 0.01) return ticks.replaceChildren(...usual);
      const { top, bottom } = zoom.plot;
      const wanted = [0.1, 0.37, 0.63, 0.9].map((share) => scale.value(from + share * (to - from)));
      let n = 2;
      while (n < 9 && new Set(wanted.map((value) => scale.round(value, n))).size < wanted.length) n++;
      const values = new Set(wanted.map((value) => scale.round(value, n)));
      ticks.replaceChildren(...[...values].flatMap((value) => {
        const [x] = place({ x: scale.at(value) });
        if (!(x >= whole[0] && x <= whole[1])) return [];
        return [
          made('line', { class: 'gridline', x1: x, x2: x, y1: top, y2: bottom }),
          made('text', { class: 'tick', x, y: bottom + 16, 'text-anchor': 'middle' }, scale.text(value, n)),
        ];
      }));
    };
    const look = (a, b) => {
      const width = clamp((whole[1] - whole[0]) / 64, b - a, whole[1] - whole[0]);
      from = clamp(whole[0], (a + b - width) / 2, whole[1] - width);
      to = from + width;
      group.setAttribute('transform', 'translate(' + (whole[0] - from * factor()) + ' 0) scale(' + factor() + ' 1)');
      drawTicks();
      show();
      closer.disabled = width < (whole[1] - whole[0]) / 63;
      wider.disabled = all.disabled = factor() < 1.01;
    };

    const tools = html('div', { className: 'tools' });
    tools.setAttribute('role', 'group');
    tools.setAttribute('aria-label', title + ': values' + (zoom ? ' and zoom' : ''));
    const slider = html('input', { type: 'range', min: 0, max: told.length - 1, value: 0 });
    slider.setAttribute('aria-label', 'Value of ' + title);
    const output = html('output', { textContent: 'Values: under the pointer, by touch, or with the slider' });
    output.setAttribute('aria-live', 'off');
    const button = (text, name, does) => {
      const one = html('button', { type: 'button', textContent: text, title: name, onclick: does });
      one.setAttribute('aria-label', name);
      return one;
    };
    const middle = () => at < 0 ? (from + to) / 2 : told[at].x;
    const zoomBy = (by) => {
      const half = (to - from) / by / 2;
      look(middle() - half, middle() + half);
    };
    const closer = button('+', 'Zoom in', () => zoomBy(2));
    const wider = button('−', 'Zoom out', () => zoomBy(0.5));
    const all = button('All', 'Show all', () => look(...whole));
    tools.append(slider, ...(zoom ? [closer, wider, all] : []), output);
    svg.after(tools);
    const ring = made('circle', { class: 'ring', r: 6, visibility: 'hidden' });
    const chosen = made('rect', { class: 'chosen', visibility: 'hidden' });
    svg.append(chosen, ring);

    let at = -1;
    const isShown = ({ series }) => !off.has(series);
    const show = () => {
      const point = told[at];
      const [x, y] = point ? place(point) : [-1, 0];
      const isSeen = point && isShown(point) && (!zoom || (x >= whole[0] - 1 && x <= whole[1] + 1));
      ring.setAttribute('visibility', isSeen ? 'visible' : 'hidden');
      ring.setAttribute('cx', x);
      ring.setAttribute('cy', y);
      if (!point) return;
      output.textContent = point.text;
      slider.value = at;
      slider.setAttribute('aria-valuetext', point.text);
    };
    slider.addEventListener('input', () => {
      // A series that is switched off is passed over.
      const step = Math.sign(slider.value - at) || 1;
      let next = Number(slider.value);
      while (told[next] && !isShown(told[next])) next += step;
      if (told[next]) at = next;
      show();
      const { x } = told[at];
      if (zoom && (x < from || x > to)) look(x - (to - from) / 2, x + (to - from) / 2);
    });

    const inDrawing = ({ clientX, clientY }) => new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM().inverse());
    const nearest = (event) => {
      const pointer = inDrawing(event);
      let least = Infinity;
      told.forEach((point, i) => {
        if (!isShown(point)) return;
        const [x, y] = place(point);
        if (zoom && (x < whole[0] - 5 || x > whole[1] + 5)) return;
        const far = Math.hypot(x - pointer.x, y - pointer.y);
        if (far < least) [least, at] = [far, i];
      });
      show();
    };
    let began;
    const isDrag = (x) => began !== undefined && Math.abs(x - began) > 8;
    svg.addEventListener('pointerdown', (event) => {
      nearest(event);
      if (!zoom || event.button !== 0) return;
      began = inDrawing(event).x;
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener('pointermove', (event) => {
      nearest(event);
      const { x } = inDrawing(event);
      chosen.setAttribute('visibility', isDrag(x) ? 'visible' : 'hidden');
      if (!isDrag(x)) return;
      const [a, b] = [Math.min(x, began), Math.max(x, began)].map((each) => clamp(whole[0], each, whole[1]));
      for (const [key, value] of Object.entries({ x: a, width: b - a, y: zoom.plot.top, height: zoom.plot.bottom - zoom.plot.top }))
        chosen.setAttribute(key, value);
    });
    svg.addEventListener('pointerup', (event) => {
      const { x } = inDrawing(event);
      chosen.setAttribute('visibility', 'hidden');
      if (isDrag(x)) {
        const back = (each) => from + (clamp(whole[0], each, whole[1]) - whole[0]) / factor();
        look(back(Math.min(x, began)), back(Math.max(x, began)));
      }
      began = undefined;
    });
    svg.addEventListener('pointercancel', () => {
      began = undefined;
      chosen.setAttribute('visibility', 'hidden');
    });
    if (zoom) {
      svg.classList.add('zooms');
      svg.addEventListener('dblclick', () => look(...whole));
      wider.disabled = all.disabled = true;
    }

    const series = [...svg.querySelectorAll('[data-series]')];
    if (series.length > 1)
      for (const one of series) {
        const item = figure.querySelectorAll('.legend li')[one.dataset.series];
        if (!item) continue;
        const toggle = html('button', { type: 'button' });
        toggle.setAttribute('aria-pressed', 'true');
        toggle.append(...item.childNodes);
        item.append(toggle);
        toggle.addEventListener('click', () => {
          const n = Number(one.dataset.series);
          const isOff = off.has(n);
          if (isOff) off.delete(n);
          else off.add(n);
          one.classList.toggle('off', !isOff);
          toggle.setAttribute('aria-pressed', String(isOff));
          show();
        });
      }
  }
})();`;
