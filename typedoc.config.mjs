// The site that `npm run docs` builds: the API of every entry of the package, and the pages of docs. `build/links.mjs` looks at its links.

import { CATEGORIES, load } from './build/site-plugin.mjs';

/** @type {Partial<import('typedoc').TypeDocOptions>} */
const config = {
  name: 'irqloom',
  out: 'site',
  cleanOutputDir: true,
  readme: 'README.md',
  entryPoints: [
    'src/index.ts',
    'src/explore/index.ts',
    'src/kvm.ts',
    'src/measure/index.ts',
    'src/results.ts',
    'src/vitest/index.ts',
    'src/vitest/plugin.ts',
    'src/vitest/setup.ts',
  ],
  sortEntryPoints: false,
  projectDocuments: ['docs/*.md', 'docs/adr/*.md', 'CHANGELOG.md', 'CONTRIBUTING.md'],
  excludePrivate: true,
  disableSources: true,
  // `npm run typecheck` has looked at the types.
  skipErrorChecking: true,
  customCss: 'build/site.css',
  customJs: 'build/site.js',
  plugin: [load],
  navigation: { includeCategories: true, includeGroups: false, includeFolders: false },
  defaultCategory: 'API',
  categoryOrder: CATEGORIES,
  highlightLanguages: ['bash', 'c', 'console', 'javascript', 'json', 'sh', 'typescript', 'yaml'],
  // Types of the inside are named in passing; links have to lead somewhere.
  validation: { notExported: false, notDocumented: false, invalidLink: true, invalidPath: true },
  treatWarningsAsErrors: true,
  markdownItLoader(parser) {
    // A block of no language is a picture, or what a command printed: nothing to colour.
    const { fence } = parser.renderer.rules;
    const plain = (text) => `<pre><code>${parser.utils.escapeHtml(text)}</code></pre>\n`;
    parser.renderer.rules.code_block = (tokens, index) => plain(tokens[index].content);
    parser.renderer.rules.fence = (tokens, index, ...rest) =>
      tokens[index].info.trim() === '' ? plain(tokens[index].content) : fence(tokens, index, ...rest);
  },
};

export default config;
