/**
 * Returns the compiled counterpart of a module of this package: threads start from `dist`, because Node 20 cannot start
 * a worker from TypeScript. Code that runs from `dist` gets its own neighbour.
 * @param importer - `import.meta.url` of the caller
 * @param relative - the module, relative to the caller, with its `.ts` ending
 */
export function compiled(importer: string, relative: string): string {
  const url = new URL(relative, importer).href;
  if (!importer.endsWith('.ts')) return url.replace(/\.ts$/, '.js');
  const root = new URL('../../', import.meta.url).href;
  return url.replace(root, `${root}dist/`).replace(/\.ts$/, '.js');
}
