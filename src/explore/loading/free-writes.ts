import { isReference } from './module-function.ts';
import { namesOf, Scope } from './scopes.ts';
import { type AnyNode, bare, childrenOf, parseSource } from './syntax.ts';

/** A place in the text of a function that changes an outside variable, or its content. */
export type FreeWrite = { readonly name: string; readonly code: string };

/** A function's use of outside variables, by its text. */
export type FreeNames = { readonly writes: readonly FreeWrite[]; readonly names: ReadonlySet<string> };

const NOTHING: FreeNames = { writes: [], names: new Set() };

/** Methods that change their receiver. */
export const MUTATORS =
  /^(?:push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin|set\w*|add|delete|clear|write\w*|next)$/;

const known = new Map<string, FreeNames>();

/** Searches the text of a function; ignores globals. */
export function freeNamesOf(fn: object): FreeNames {
  const text = Function.prototype.toString.call(fn);
  const found = known.get(text) ?? analyse(text);
  known.set(text, found);
  return found;
}

function analyse(text: string): FreeNames {
  const parsed = parseFunction(text);
  if (parsed === undefined) return NOTHING;
  const { tree, code } = parsed;
  const writes: FreeWrite[] = [];
  const names = new Set<string>();
  const visit = (node: AnyNode, parents: readonly AnyNode[], outer: Scope): void => {
    const declared = namesOf(node);
    const scope = declared === undefined ? outer : new Scope(outer, declared, false);
    if (node.type === 'Identifier' && isReference(node, parents.at(-1)) && isFree(node.name, scope)) {
      names.add(node.name);
      const write = writeOf(node, parents);
      if (write !== undefined) writes.push({ name: node.name, code: code.slice(write.start, write.end) });
    }
    const path = [...parents, node];
    for (const child of childrenOf(node)) visit(child, path, scope);
  };
  visit(tree, [], new Scope(undefined, ['arguments', 'undefined'], false));
  return { writes, names };
}

function isFree(name: string, scope: Scope): boolean {
  return scope.find(name) === undefined && !(name in globalThis);
}

/** Parses a function from its source text: an expression, or a method. */
function parseFunction(text: string): { readonly tree: AnyNode; readonly code: string } | undefined {
  for (const code of [`(${text})`, `({${text}})`]) {
    try {
      return { tree: parseSource(code, 'script'), code };
    } catch {}
  }
  return undefined;
}

/** The statement or expression that changes the variable, or its content; undefined for none. */
function writeOf(node: AnyNode, parents: readonly AnyNode[]): AnyNode | undefined {
  let inner: AnyNode = node;
  for (let i = parents.length - 1; i >= 0; i--) {
    const parent = parents[i] as AnyNode;
    if (parent.type === 'AssignmentExpression' && bare(parent.left as AnyNode) === inner) return parent;
    if (parent.type === 'UpdateExpression') return parent;
    if (parent.type === 'UnaryExpression' && parent.operator === 'delete') return parent;
    if (parent.type === 'CallExpression' && parent.callee === inner && inner.type === 'MemberExpression') {
      const { property } = inner;
      return property.type === 'Identifier' && MUTATORS.test(property.name) ? parent : undefined;
    }
    const goesOn =
      (parent.type === 'MemberExpression' && parent.object === inner) ||
      parent.type === 'ParenthesizedExpression' ||
      parent.type === 'ChainExpression' ||
      parent.type === 'ArrayPattern' ||
      parent.type === 'ObjectPattern' ||
      (parent.type === 'Property' && parent.value === inner);
    if (!goesOn) return undefined;
    inner = parent;
  }
  return undefined;
}
