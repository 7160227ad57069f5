// Looks at every link within the site that typedoc has built, or within the folder that is given: the page has to be there, and the
// place in it that is named.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { globSync } from 'tinyglobby';

const [, , folder] = process.argv;
const site =
  folder === undefined ? new URL('../site/', import.meta.url) : pathToFileURL(`${resolve(folder)}/`);
const files = new Set(globSync('**/*', { cwd: fileURLToPath(site) }));
const pages = new Map();
for (const file of files)
  if (file.endsWith('.html')) pages.set(file, readFileSync(new URL(file, site), 'utf8'));

const places = new Map();
function placesOf(page) {
  if (!places.has(page))
    places.set(
      page,
      new Set([...pages.get(page).matchAll(/ (?:id|name)="([^"]*)"/g)].map(([, id]) => decoded(id))),
    );
  return places.get(page);
}

const decoded = (text) => decodeURIComponent(text.replaceAll('&amp;', '&').replaceAll('&quot;', '"'));

let count = 0;
const lost = [];
for (const [page, text] of pages) {
  for (const [, link] of text.matchAll(/ (?:href|src)="([^"]*)"/g)) {
    if (/^(?:[a-z]+:|\/\/)/.test(link)) continue;
    count++;
    const target = new URL(decoded(link.split('#')[0]), new URL(page, site));
    const file = decodeURIComponent(target.href.slice(site.href.length)).replace(/^$|\/$/, '$&index.html');
    const [, place = ''] = link.split('#');
    const isThere = link.startsWith('#') ? page : file;
    if (!files.has(isThere)) lost.push(`${page}: ${link} is no file`);
    else if (place !== '' && pages.has(isThere) && !placesOf(isThere).has(decoded(place)))
      lost.push(`${page}: ${link} is no place in ${isThere}`);
  }
}

const root = fileURLToPath(new URL('..', import.meta.url));
const pagesOfDocs = folder === undefined ? globSync('docs/**/*.md', { cwd: root }).length : 0;
const shown = [...pages.keys()].filter((page) => page.startsWith('documents/')).length;
if (shown < pagesOfDocs) lost.push(`${pagesOfDocs} pages in docs, and ${shown} in the site`);
process.stdout.write(`${pages.size} pages, ${count} links, ${lost.length} lost\n`);
for (const line of [...new Set(lost)].slice(0, 50)) process.stderr.write(`${line}\n`);
process.exitCode = lost.length > 0 ? 1 : 0;
