// What typedoc does to become the site of this project: pages of docs have their own headings as titles, and lie in groups beside the
// API in one navigation; a page has a main landmark, and nothing to click lies within something to click.
import { Comment, CommentTag, Converter, PageEvent, RendererEvent } from 'typedoc';

/** Where the pages of docs lie in the navigation; all others under "How it works". */
const PLACES = [
  ['Begin', /docs\/(install|tutorial-.*|from-c|config|glossary)\.md$/],
  ['Use', /docs\/(debug-a-failure|ci|campaigns|compared|measuring|explorer|arm64|races)\.md$/],
  ['Decisions', /docs\/adr\//],
  ['Project', /(CHANGELOG|CONTRIBUTING)\.md$/],
];
const OTHER = 'How it works';

/** The order of the groups in the navigation. */
export const CATEGORIES = ['Begin', 'Use', 'API', OTHER, 'Decisions', 'Project'];

/** The heading that a page begins with. */
const titleOf = (content) =>
  /^# (.+)$/m
    .exec(content.map(({ text }) => text).join(''))?.[1]
    ?.replaceAll('`', '')
    .trim();

/** Headings whose level is at most one below that of the heading before. */
function levelled(page) {
  let before = 0;
  return page.replace(/<h([1-6])\b/g, (start, digit) => {
    const level = Math.min(Number(digit), before + 1);
    before = level;
    return level === Number(digit) ? start : `${start} aria-level="${level}"`;
  });
}

/** @param {import('typedoc').Application} app */
export function load(app) {
  const titles = new Map();
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    const file = document.project.files.getReflectionPath(document) ?? '';
    titles.set(document, titleOf(document.content) ?? document.name);
    const [category = OTHER] = PLACES.find(([, pattern]) => pattern.test(file)) ?? [];
    document.comment ??= new Comment();
    document.comment.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: category }]));
  });
  // By now a page has its address, after its file.
  app.renderer.on(RendererEvent.BEGIN, () => {
    for (const [document, title] of titles) document.name = title;
  });
  app.renderer.on(PageEvent.END, (page) => {
    if (page.contents === undefined) return;
    page.contents = levelled(page.contents)
      .replace('<div class="col-content">', '<div class="col-content" role="main">')
      .replace(
        '<div class="col-sidebar">',
        '<div class="col-sidebar" role="complementary" aria-label="This page and this site">',
      )
      // Wide code and wide tables are scrolled by keys too.
      .replaceAll('<pre>', '<pre tabindex="0">')
      .replaceAll('<table>', '<table tabindex="0">')
      // Within the main landmark there is no other one, and a head of a column that says nothing is no head.
      .replace(/<(\/?)aside\b/g, '<$1div')
      .replace(/<th\b([^>]*)><\/th>/g, '<td$1></td>')
      // A heading that opens and closes its part has no link in it.
      .replace(/<summary\b[\s\S]*?<\/summary>/g, (summary) =>
        summary.replace(/<a\b[^>]*class="tsd-anchor-icon"[\s\S]*?<\/a>/g, ''),
      );
  });
}
