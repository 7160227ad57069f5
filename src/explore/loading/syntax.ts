import type { AnyNode, ChainExpression, MemberExpression, Program } from 'acorn';
import { parse } from 'acorn';

/** A program of JavaScript as a tree. Parentheses are nodes of it, so that text may be put right beside them. */
export type Tree = Program;
export type { AnyNode, ChainExpression, MemberExpression };

export type SourceType = 'module' | 'script';

/**
 * Parses JavaScript.
 * @param kind - `script` also takes `return` outside of functions, as CommonJS modules may have it.
 * @throws SyntaxError with `loc` where it is none.
 */
export function parseSource(code: string, kind: SourceType): Tree {
  return parse(code, {
    ecmaVersion: 'latest',
    sourceType: kind,
    preserveParens: true,
    allowHashBang: true,
    allowReturnOutsideFunction: kind === 'script',
    allowAwaitOutsideFunction: kind === 'module',
    allowSuperOutsideMethod: true,
  });
}

/** The nodes right under a node, in the order of the source. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = [];
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const each of value) if (isNode(each)) children.push(each);
    } else if (isNode(value)) children.push(value);
  }
  // `{ a }` has one node for key and value.
  if (node.type === 'Property' && node.shorthand) return [node.value as AnyNode];
  return children;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** Calls `visit` for a node and all under it, parents first; where it gives false, not for those under it. */
export function walk(
  node: AnyNode,
  visit: (node: AnyNode, parent: AnyNode | undefined) => boolean | undefined,
  parent?: AnyNode,
): void {
  if (visit(node, parent) === false) return;
  for (const child of childrenOf(node)) walk(child, visit, node);
}

export function isFunction(node: AnyNode): boolean {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  );
}

/** A node without the parentheses around it. */
export function bare(node: AnyNode): AnyNode {
  return node.type === 'ParenthesizedExpression' ? bare(node.expression) : node;
}

/** Whether a node has `yield` or `await` of the function that it lies in itself. */
export function suspends(node: AnyNode): boolean {
  let found = false;
  walk(node, (each) => {
    if (each.type === 'YieldExpression' || each.type === 'AwaitExpression') found = true;
    return !(found || isFunction(each));
  });
  return found;
}

/** Whether an element of a typed array can be meant by this key of `a[key]`: not where it is surely another property. */
export function mayBeIndex(key: AnyNode): boolean {
  switch (key.type) {
    case 'Literal':
      return typeof key.value === 'number' || (typeof key.value === 'string' && startsAsIndex(key.value));
    case 'TemplateLiteral': {
      const first = key.quasis[0]?.value.cooked ?? '';
      return first === '' || startsAsIndex(first);
    }
    case 'BinaryExpression':
      // A string before or behind a plus makes the whole a string that starts, or ends, like that.
      return !(
        key.operator === '+' &&
        key.left.type === 'Literal' &&
        typeof key.left.value === 'string' &&
        key.left.value !== '' &&
        !startsAsIndex(key.left.value)
      );
    case 'MemberExpression':
      return !(!key.computed && key.object.type === 'Identifier' && key.object.name === 'Symbol');
    case 'UnaryExpression':
      return key.operator !== 'typeof' && key.operator !== '!';
    case 'ParenthesizedExpression':
      return mayBeIndex(key.expression);
    default:
      return true;
  }
}

function startsAsIndex(text: string): boolean {
  return /^\d/.test(text);
}

/** Whether a value is surely no typed array: a literal of another kind. */
export function isSurelyOther(node: AnyNode): boolean {
  const { type } = bare(node);
  return (
    type === 'ArrayExpression' ||
    type === 'ObjectExpression' ||
    type === 'Literal' ||
    type === 'TemplateLiteral' ||
    type === 'FunctionExpression' ||
    type === 'ArrowFunctionExpression' ||
    type === 'ClassExpression' ||
    type === 'MetaProperty'
  );
}

/** Whether a member is one that has to be watched: `a[key]`, where an element of a typed array may be meant. */
export function isElement(node: AnyNode): node is MemberExpression {
  return (
    node.type === 'MemberExpression' &&
    node.computed &&
    node.object.type !== 'Super' &&
    mayBeIndex(node.property) &&
    !isSurelyOther(node.object)
  );
}
