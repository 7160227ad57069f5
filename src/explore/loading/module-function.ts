import type MagicString from 'magic-string';
import { COMMONJS } from './bundle.ts';
import type { Rewriting } from './rewrite.ts';
import { namesOf } from './scopes.ts';
import { type AnyNode, bare, childrenOf, isFunction, walk } from './syntax.ts';

/**
 * An ECMAScript module as a function that returns the module's exports, so that the explorer can evaluate the
 * module repeatedly.
 */
export type ModuleFunction = {
  /**
   * The text of an expression: a function of the access object, `import.meta` by URL, `import()`, `require`, the
   * awaited values, and the modules in `imports`, in order. If the module awaits, the function returns a
   * promise of the exports.
   */
  readonly text: MagicString;
  readonly imports: readonly string[];
  /** Whether the module has an `await` outside of functions. */
  readonly awaits: boolean;
  /**
   * If the module awaits: a function that does not await, and takes the values awaited the first time. Undefined if the
   * module awaits in a loop, because those values cannot be matched.
   */
  readonly again: MagicString | undefined;
};

/**
 * Makes such a function of a module, and keeps its line numbers. Imported names become members of their modules, so
 * they stay live.
 * @param urlAt - the URL of the source file of a place in the module, for `import.meta`.
 */
export function toModuleFunction(
  { text, tree, access }: Rewriting,
  urlAt: (offset: number) => string,
): ModuleFunction {
  const imports: string[] = [];
  const names = new Map<string, string>();
  const exported: string[] = [];
  for (const node of tree.body) {
    if (node.type === 'ImportDeclaration') {
      const module = moduleNamed(imports, String(node.source.value), access);
      for (const specifier of node.specifiers) {
        names.set(
          specifier.local.name,
          specifier.type === 'ImportNamespaceSpecifier'
            ? module
            : specifier.type === 'ImportDefaultSpecifier'
              ? `${module}.default`
              : member(module, specifier.imported),
        );
      }
      blank(text, node);
    } else if (node.type === 'ExportAllDeclaration') {
      const module = moduleNamed(imports, String(node.source.value), access);
      exported.push(node.exported ? `${key(node.exported)}: ${module}` : `...${module}`);
      blank(text, node);
    } else if (node.type === 'ExportNamedDeclaration') {
      const module = node.source ? moduleNamed(imports, String(node.source.value), access) : undefined;
      for (const { local, exported: as } of node.specifiers) {
        const name = 'name' in local ? local.name : String(local.value);
        const from = module === undefined ? (names.get(name) ?? name) : member(module, local);
        exported.push(`get ${key(as)}() { return ${from}; }`);
      }
      blank(text, node);
    }
  }
  replaceNames(text, tree, names);
  replaceMeta(text, tree, access, urlAt);
  replaceImports(text, tree, access, urlAt);
  const awaits = topLevelAwaits(tree);
  const given = ['meta', 'import', 'require', 'awaited', ...imports.map((_, i) => `m${i}`)];
  const parameters = [access, ...given.map((name) => `${access}_${name}`)].join(', ');
  text.append(`\nreturn { __proto__: null, ${exported.join(', ')} }; })`);
  const head = `function (${parameters}) { "use strict"; ${watching(tree, access, names)}`;
  const again = awaits.length > 0 ? withoutAwaits(text, awaits, access) : undefined;
  for (const [i, { node }] of awaits.entries()) {
    if (node.type !== 'AwaitExpression') continue;
    text.prependRight(node.start, `(${access}_awaited[${i}] = `);
    text.appendLeft(node.end, ')');
  }
  again?.prepend(`(${head}`);
  text.prepend(`(${awaits.length > 0 ? 'async ' : ''}${head}`);
  return { text, imports, awaits: awaits.length > 0, again };
}

/** Makes a statement that hands out a module's variables to be watched. */
export function watching(
  tree: AnyNode,
  access: string,
  imported: ReadonlyMap<string, unknown> = new Map(),
): string {
  const variables = (namesOf(tree) ?? []).filter((name) => !imported.has(name));
  const entries = variables.map((name) => `[${JSON.stringify(name)}, () => ${name}]`);
  return `${access}.watch(() => [${entries.join(', ')}]); `;
}

type TopLevelAwait = { readonly node: AnyNode; readonly repeats: boolean };

/** Replaces each await by its awaited value; an awaited module import is evaluated again. */
function withoutAwaits(
  text: MagicString,
  awaits: readonly TopLevelAwait[],
  access: string,
): MagicString | undefined {
  if (awaits.some(({ repeats }) => repeats)) return undefined;
  const again = text.clone();
  for (const [i, { node }] of awaits.entries()) {
    const { argument } = node as AnyNode & { type: 'AwaitExpression' };
    const wanted = argument.type === 'ImportExpression' ? bare(argument.source) : undefined;
    const file = wanted?.type === 'Literal' ? String(wanted.value) : '';
    const lines = text.original.slice(node.start, node.end).match(/\n/g)?.join('') ?? '';
    const bundled = bundledModule(argument);
    if (bundled !== undefined) {
      again.overwrite(node.start, bundled.start, '(');
      again.overwrite(bundled.end, node.end, ')');
      continue;
    }
    const value = file.startsWith(COMMONJS)
      ? `${access}_require(${JSON.stringify(file.slice(COMMONJS.length))})`
      : `${access}_awaited[${i}]`;
    again.overwrite(node.start, node.end, value + lines);
  }
  return again;
}

/**
 * The expression that evaluates a module, which the bundler has put in place of an `import()`:
 * `Promise.resolve().then(() => module)`.
 */
function bundledModule(argument: AnyNode): AnyNode | undefined {
  if (argument.type !== 'CallExpression' || argument.callee.type !== 'MemberExpression') return undefined;
  const { object, property } = argument.callee;
  const [then] = argument.arguments;
  const isResolved =
    property.type === 'Identifier' &&
    property.name === 'then' &&
    object.type === 'CallExpression' &&
    object.arguments.length === 0 &&
    object.callee.type === 'MemberExpression' &&
    object.callee.object.type === 'Identifier' &&
    object.callee.object.name === 'Promise' &&
    object.callee.property.type === 'Identifier' &&
    object.callee.property.name === 'resolve';
  if (!isResolved || then?.type !== 'ArrowFunctionExpression' || then.params.length > 0) return undefined;
  return then.expression ? then.body : undefined;
}

type Named = { readonly type: string; readonly name?: string; readonly value?: unknown };

function moduleNamed(imports: string[], source: string, access: string): string {
  if (!imports.includes(source)) imports.push(source);
  return `${access}_m${imports.indexOf(source)}`;
}

function key(name: Named): string {
  return JSON.stringify(name.name ?? name.value);
}

function member(module: string, name: Named): string {
  return `${module}[${key(name)}]`;
}

/** Removes a declaration, but keeps its lines. */
function blank(text: Rewriting['text'], { start, end }: AnyNode): void {
  text.update(start, end, text.original.slice(start, end).replace(/[^\n]+/g, '') || ' ');
}

/** Replaces imported names by members of modules; the bundler gives such a name to nothing else. */
function replaceNames(text: Rewriting['text'], tree: AnyNode, names: ReadonlyMap<string, string>): void {
  if (names.size === 0) return;
  walk(tree, (node, parent) => {
    if (node.type === 'ImportDeclaration' || node.type === 'ExportNamedDeclaration') return false;
    if (node.type === 'Property' && node.shorthand && node.value.type === 'Identifier') {
      const to = names.get(node.value.name);
      if (to !== undefined) text.update(node.start, node.end, `${node.value.name}: ${to}`);
      return false;
    }
    if (node.type !== 'Identifier' || !isReference(node, parent)) return undefined;
    const to = names.get(node.name);
    if (to === undefined) return undefined;
    const called =
      (parent?.type === 'CallExpression' && parent.callee === node) ||
      (parent?.type === 'TaggedTemplateExpression' && parent.tag === node);
    // `(0, …)`: the function does not get the module as its `this`.
    text.update(node.start, node.end, called ? `(0, ${to})` : to);
    return undefined;
  });
}

/** Whether an identifier is a variable, and no name of a property, method or label. */
export function isReference(node: AnyNode, parent: AnyNode | undefined): boolean {
  switch (parent?.type) {
    case 'MemberExpression':
      return parent.object === node || parent.computed;
    case 'Property':
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return parent.key !== node || parent.computed;
    case 'LabeledStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
    case 'MetaProperty':
    case 'ImportSpecifier':
    case 'ExportSpecifier':
      return false;
    default:
      return true;
  }
}

/** `import.meta` → `$irq_meta(url)` */
function replaceMeta(
  text: Rewriting['text'],
  tree: AnyNode,
  access: string,
  urlAt: (offset: number) => string,
): void {
  walk(tree, (node) => {
    if (node.type !== 'MetaProperty' || node.meta.name !== 'import') return undefined;
    text.update(node.start, node.end, `${access}_meta(${JSON.stringify(urlAt(node.start))})`);
    return undefined;
  });
}

/** `import(x)` → `$irq_import(url, x)`: a relative `x` is relative to its file. */
export function replaceImports(
  text: Rewriting['text'],
  tree: AnyNode,
  access: string,
  urlAt: (offset: number) => string,
): void {
  walk(tree, (node) => {
    if (node.type !== 'ImportExpression') return undefined;
    const from = JSON.stringify(urlAt(node.start));
    text.update(node.start, node.source.start, `${access}_import(${from}, `);
    return undefined;
  });
}

/** The awaits outside of functions. */
function topLevelAwaits(node: AnyNode, repeats = false): TopLevelAwait[] {
  if (isFunction(node)) return [];
  const loops = repeats || /^(?:For|While|DoWhile)/.test(node.type);
  const inner = childrenOf(node).flatMap((child) => topLevelAwaits(child, loops));
  if (node.type === 'AwaitExpression') return [{ node, repeats: loops || inner.length > 0 }, ...inner];
  return node.type === 'ForOfStatement' && node.await ? [{ node, repeats: true }, ...inner] : inner;
}
