/**
 * The plugin for vitest that makes plain accesses points of a schedule.
 *
 * @module irqloom/vitest/plugin
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vitest/config';
import { ACCESS_NAME } from '../explore/loading/access.ts';
import { sourceMapOf } from '../explore/loading/places.ts';
import { type Rewriting, rewriteAccesses } from '../explore/loading/rewrite.ts';
import { CHECKS } from '../explore/telling/sites.ts';

/** How the plugin is to rewrite. */
export type IrqloomPluginOptions = {
  /**
   * Packages in node_modules are rewritten as well; true where not given. Packages that are not go through the proxies
   * that threads get for views of shared memory, slower.
   */
  readonly packages?: boolean;
};

/** Folders that are not code under test: the explorer, and the code that runs and checks tests. */
const OWN = fileURLToPath(new URL('../', import.meta.url));
const EXPLORER = ['explore/', 'vitest/', 'report/', 'base/'].map((folder) => OWN + folder);

/** Modules of the explorer, its dependencies and the test runner, which Node.js loads unchanged. */
const LEFT_ALONE = new RegExp(
  `^(?:file://)?${escaped(OWN)}|${CHECKS.source}|[/\\\\]node_modules[/\\\\](?:esbuild|acorn|magic-string|tinyglobby|piscina|comlink|commander|vite|@jridgewell)[/\\\\]`,
);

/**
 * A plugin for vitest that rewrites the modules of tests, so that reads and writes of elements of shared
 * memory (`counter[0]++`) are points of a schedule at little cost: `plugins: [irqloom()]` in
 * vitest.config.ts. Without the plugin, proxies make them points as well.
 */
export function irqloom({ packages = true }: IrqloomPluginOptions = {}): Plugin {
  return {
    name: 'irqloom',
    enforce: 'post',
    config: () => ({
      test: {
        setupFiles: [setupFile()],
        server: {
          deps: {
            ...(packages ? { inline: [new RegExp(`^(?!.*(?:${LEFT_ALONE.source}))`)] } : {}),
            external: [LEFT_ALONE],
          },
        },
      },
    }),
    transform(code, id) {
      const file = id.replace(/[?#].*$/, '');
      if (!/\.[cm]?[jt]sx?$/.test(file) || CHECKS.test(file)) return undefined;
      if (EXPLORER.some((folder) => file.startsWith(folder))) return undefined;
      const rewriting = rewritten(code);
      if (rewriting === undefined || rewriting.places === 0) return undefined;
      const { text, access } = rewriting;
      if (access !== ACCESS_NAME) text.prepend(`var ${access} = globalThis.${ACCESS_NAME}; `);
      return { code: text.toString(), map: sourceMapOf(text, id) };
    },
  };
}

/** A module, or a CommonJS file that vitest runs unchanged; undefined for neither. */
function rewritten(code: string): Rewriting | undefined {
  for (const kind of ['module', 'script'] as const) {
    try {
      return rewriteAccesses(code, kind);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return undefined;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function setupFile(): string {
  const source = fileURLToPath(new URL('./setup.ts', import.meta.url));
  return existsSync(source) ? source : fileURLToPath(new URL('./setup.js', import.meta.url));
}
