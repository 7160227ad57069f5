import type { AnyNode, ChainExpression, MemberExpression, Program } from 'acorn';
import { parse } from 'acorn';

/** A JavaScript program as a tree. Parentheses are nodes, so that text can be inserted right next to them. */
export type Tree = Program;
export type { AnyNode, ChainExpression, MemberExpression };

export type SourceType = 'module' | 'script';

/**
 * Parses JavaScript.
 * @param kind - `script` also accepts `return` outside of functions, as in CommonJS modules.
 * @throws SyntaxError with `loc` if the code does not parse.
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

/** Calls `visit` for a node and all its descendants, parents first; false skips a node's descendants. */
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

/** A node without surrounding parentheses. */
export function bare(node: AnyNode): AnyNode {
  return node.type === 'ParenthesizedExpression' ? bare(node.expression) : node;
}

/** Whether a node contains a `yield` or `await` of its own function. */
export function suspends(node: AnyNode): boolean {
  let found = false;
  walk(node, (each) => {
    if (each.type === 'YieldExpression' || each.type === 'AwaitExpression') found = true;
    return !(found || isFunction(each));
  });
  return found;
}

/**
 * Whether the key of `a[key]` may be an element of a typed array: false if the key certainly names another
 * property.
 */
export function mayBeIndex(key: AnyNode): boolean {
  switch (key.type) {
    case 'Literal':
      return typeof key.value === 'number' || (typeof key.value === 'string' && startsAsIndex(key.value));
    case 'TemplateLiteral': {
      const first = key.quasis[0]?.value.cooked ?? '';
      return first === '' || startsAsIndex(first);
    }
    case 'BinaryExpression':
      // A string before or after a plus makes the result a string with that beginning or end.
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

/** Whether a value is certainly no typed array: a literal of another kind. */
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

/** Whether a member must be watched: `a[key]` that may be an element of a typed array. */
export function isElement(node: AnyNode): node is MemberExpression {
  return (
    node.type === 'MemberExpression' &&
    node.computed &&
    node.object.type !== 'Super' &&
    mayBeIndex(node.property) &&
    !isSurelyOther(node.object)
  );
}
