/**
 * What runs in the page, as text: the project knows no types of the DOM, and should not, because Node has no such names.
 */

/** Every chart of a page, and its parts. */
export const CHARTS = `[...document.querySelectorAll('svg')].map((svg) => {
  const text = (id) => document.getElementById(id)?.textContent ?? '';
  const [title, description] = (svg.getAttribute('aria-labelledby') ?? '').split(' ');
  const marks = [...svg.querySelectorAll('.curve, .dot, .spot, .fill, .range, .dots')];
  const frame = svg.getBoundingClientRect();
  return {
    title: text(title),
    description: text(description),
    role: svg.getAttribute('role'),
    marks: marks.length,
    finite: !/NaN|Infinity/.test(svg.innerHTML),
    inside: marks.every((mark) => {
      const box = mark.getBoundingClientRect();
      return box.left >= frame.left - 9 && box.right <= frame.right + 9 && box.bottom <= frame.bottom + 9;
    }),
    rows: svg.closest('figure')?.querySelectorAll('tbody tr').length ?? 0,
  };
})`;

export type Chart = {
  readonly title: string;
  readonly description: string;
  readonly role: string;
  readonly marks: number;
  readonly finite: boolean;
  readonly inside: boolean;
  readonly rows: number;
};

export const IDS = `[...document.querySelectorAll('[id]')].map(({ id }) => id)`;

/** How wide the page is, its background, and the smallest text in a chart, in pixels of the screen. */
export const LOOKS = `({
  wide: document.documentElement.scrollWidth,
  background: getComputedStyle(document.body).backgroundColor,
  smallest: Math.min(...[...document.querySelectorAll('svg text')].map((text) => {
    const svg = text.ownerSVGElement;
    return parseFloat(getComputedStyle(text).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  })),
  outside: [...document.querySelectorAll('svg text')].filter((text) => {
    const card = text.closest('.card, body').getBoundingClientRect();
    const box = text.getBoundingClientRect();
    return box.left < card.left + 4 || box.right > card.right - 4;
  }).map((text) => text.textContent),
  overlapping: [...document.querySelectorAll('svg')].flatMap((svg) => {
    const boxes = [...svg.querySelectorAll('text')].map((text) => ({ text, box: text.getBoundingClientRect() }));
    return boxes.flatMap(({ text, box }, index) => boxes.slice(index + 1).filter((other) => {
      const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
      const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
      return across > 1 && down > box.height / 2;
    }).map((other) => text.textContent + ' and ' + other.text.textContent));
  }),
})`;

export type Looks = {
  readonly wide: number;
  readonly background: string;
  readonly smallest: number;
  /** Text of charts that leaves its card, and pairs of texts that lie on each other. */
  readonly outside: readonly string[];
  readonly overlapping: readonly string[];
};

export const HIDE_MARKS = `document.querySelectorAll('.curve, .dot, .spot').forEach((mark) => { mark.style.display = 'none'; })`;

/** Every cell of the heat map in a figure: its text, its colour, its place on the screen. */
export const cellsOf = (
  id: string,
) => `[...document.querySelectorAll('#${id} rect.fill, #${id} rect.hole')].map((cell) => {
  const { left, top, width, height } = cell.getBoundingClientRect();
  return { said: cell.querySelector('title')?.textContent ?? '', colour: getComputedStyle(cell).color, hole: cell.classList.contains('hole'), left, top, width, height };
})`;

export type CellSeen = {
  readonly said: string;
  readonly colour: string;
  readonly hole: boolean;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
};

/** The rows of the table that says the same as a figure. */
export const rowsOf = (id: string) =>
  `[...document.querySelectorAll('#${id} tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))`;

export const HIDE_CELLS = `document.querySelectorAll('rect').forEach((cell) => { cell.style.display = 'none'; })`;

/** A function of the address of a picture and of some colours. */
export const COUNT_COLOURS = `async (source, wanted) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const counts = wanted.map(() => 0);
  for (let at = 0; at < data.length; at += 4) {
    wanted.forEach(([r, g, b], index) => {
      const far = Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b);
      if (far < 12) counts[index]++;
    });
  }
  return counts;
}`;
