import { type AnyNode, isElement, isSurelyOther, mayBeIndex } from './syntax.ts';

export function isLoop(node: AnyNode): boolean {
  return node.type === 'ForStatement' || node.type === 'ForInStatement' || node.type === 'ForOfStatement';
}

export function hasUseStrict(node: AnyNode): boolean {
  if (node.type !== 'BlockStatement' && node.type !== 'Program') return false;
  return node.body.some((each) => 'directive' in each && each.directive === 'use strict');
}

/** Whether the base of a member or call contains an element. */
export function spineHasElement(node: AnyNode): boolean {
  if (node.type !== 'MemberExpression') return false;
  return isElement(node.object) || spineHasElement(node.object);
}

const COPIES_NOTHING =
  /Error$|^(?:Promise|Date|Proxy|RegExp|(?:Shared)?ArrayBuffer|DataView|(?:Weak)?(?:Map|Set)|URL|Function|Array|Object)$/;

/** Whether `new callee(first)` may make a typed array as a copy of another. */
export function mayCopy(callee: AnyNode, first: AnyNode): boolean {
  if (callee.type === 'Identifier' && COPIES_NOTHING.test(callee.name)) return false;
  return callee.type !== 'ClassExpression' && !isSurelyOther(first);
}

/** Whether a pattern reads elements of its source by number: `{ 0: a }`, `{ [k]: a }`, `{ ...rest }`. */
export function readsElements(pattern: AnyNode): boolean {
  if (pattern.type !== 'ObjectPattern') return false;
  return pattern.properties.some(
    (each) =>
      each.type === 'RestElement' || ((each.computed || each.key.type === 'Literal') && mayBeIndex(each.key)),
  );
}
