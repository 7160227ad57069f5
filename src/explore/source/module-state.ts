import type { AnyNode } from './syntax.ts';
export function changedState(tree: AnyNode): string | undefined {
  return tree.type === 'Program' ? undefined : 'x';
}
