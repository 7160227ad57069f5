import { type AnyNode, type ChainExpression, isElement, suspends } from './syntax.ts';

/**
 * A chain with `?.` as its links, innermost first: its start, then its members and calls. If a link reads an
 * element, everything after a `?.` goes into a function, called only if the part before is not nullish:
 * `a?.b[i].c` → `$irq.chain(a, ($irq_link) => $irq.get($irq_link.b, i).c)`.
 */
export class Chain {
  readonly links: readonly AnyNode[];

  constructor(chain: ChainExpression) {
    const links: AnyNode[] = [];
    let node: AnyNode = chain.expression;
    for (;;) {
      links.unshift(node);
      if (node.type === 'MemberExpression' && node.object.type !== 'Super') node = node.object;
      else if (node.type === 'CallExpression' && node.callee.type !== 'Super') node = node.callee;
      else break;
    }
    this.links = links;
  }

  /** Whether the chain must, and can, be rewritten: a function could not hold the `yield` or `await` of a key. */
  get isRewritten(): boolean {
    return this.links.some((_, i) => this.isRead(i)) && !this.links.slice(1).some(linkSuspends);
  }

  /** Whether link i reads an element; a called element is left alone. */
  isRead(i: number): boolean {
    const link = this.links[i];
    return i > 0 && link !== undefined && isElement(link) && this.links[i + 1]?.type !== 'CallExpression';
  }

  isOptional(i: number): boolean {
    const link = this.links[i];
    return i > 0 && link !== undefined && 'optional' in link && link.optional === true;
  }

  /** Whether link i is the method of a call with `?.`, which must keep its `this`. */
  isBound(i: number): boolean {
    return (
      i > 0 &&
      this.links[i]?.type === 'MemberExpression' &&
      this.links[i + 1]?.type === 'CallExpression' &&
      this.isOptional(i + 1)
    );
  }

  /**
   * The functions to open before link `from` (0: before the chain), outermost first: one for the next `?.`,
   * which holds everything behind the `?.`, and one for each element read before.
   */
  openersAt(from: number): string[] {
    const next = this.links.findIndex((_, i) => i > from && this.isOptional(i));
    const names: string[] = [];
    if (next >= 0) names.push('chain(');
    if (this.isBound(next - 1)) names.push('bind(');
    const end = next < 0 ? this.links.length : next;
    for (let i = end - 1; i >= Math.max(from, 1); i--) if (this.isRead(i)) names.push('get(');
    return names;
  }
}

function linkSuspends(link: AnyNode): boolean {
  if (link.type === 'MemberExpression') return link.computed && suspends(link.property);
  return link.type === 'CallExpression' && link.arguments.some(suspends);
}
