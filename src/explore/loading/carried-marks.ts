import type MagicString from 'magic-string';
import type { Carried } from './carried.ts';
import type { AnyNode } from './syntax.ts';

/**
 * Inserts counters into code that count, as the code runs, the values carried from round to round of a loop:
 *
 * - `x++`, `o.n++`, `list.push(v)` → `($irq.changed[place]++, x++)`
 * - `x = v` → `x = $irq.as(place, x, v)`, and `x += v` → `x = $irq.as(place, x, x + (v))`
 * - `let x = v` → `let x = ($irq.begun[place]++, v)`; parameters and `var` at the start of their function
 *
 * Runs after all other changes of the text: closing text is put before a semicolon that those have added. Adds and
 * removes no line.
 * @param access - the name in the code of the object with these functions, see access.ts
 * @returns the number of places written
 */
export function writeMarks(text: MagicString, access: string, carried: Carried): number {
  const writer = new Writer(text, access);
  const nodes = [...carried.changes.keys(), ...carried.assignments.keys(), ...carried.births.keys()];
  // Inner nodes first: outer insertions go around them.
  const inOrder = [...new Set(nodes)].sort((a, b) => a.end - a.start - (b.end - b.start));
  for (const node of inOrder) {
    const [changes, assignment, births] = [
      carried.changes.get(node),
      carried.assignments.get(node),
      carried.births.get(node),
    ];
    if (assignment !== undefined && node.type === 'AssignmentExpression') writer.assigned(node, assignment);
    if (changes !== undefined) writer.counted(node, 'changed', changes);
    if (births !== undefined) writer.born(node, births);
  }
  return inOrder.length;
}

class Writer {
  readonly #text: MagicString;
  readonly #access: string;

  constructor(text: MagicString, access: string) {
    this.#text = text;
    this.#access = access;
  }

  assigned(
    { left, right, operator, end }: AnyNode & { type: 'AssignmentExpression' },
    { place, name }: { readonly place: number; readonly name: string },
  ): void {
    const call = `${this.#access}.as(${place}, ${name}, `;
    if (operator === '=' || operator === '??=' || operator === '||=' || operator === '&&=') {
      this.#text.prependRight(right.start, call);
      this.#text.prependLeft(right.end, ')');
      return;
    }
    const between = this.#text.original.slice(left.end, right.start);
    const lines = between.match(/\n/g)?.join('') ?? '';
    this.#text.update(left.end, right.start, ` = ${call}${name} ${operator.slice(0, -1)} (${lines}`);
    this.#text.prependLeft(end, '))');
  }

  born(node: AnyNode, places: readonly number[]): void {
    if (node.type === 'BlockStatement') {
      const prologue = node.body.findLast((each) => 'directive' in each);
      this.#text.prependRight(prologue?.end ?? node.start + 1, `;${this.#counts('begun', places)};`);
    } else if (node.type === 'VariableDeclarator') {
      if (node.init) this.counted(node.init, 'begun', places);
      else this.#text.prependLeft(node.id.end, ` = (${this.#counts('begun', places)}, undefined)`);
    }
  }

  counted({ start, end }: AnyNode, which: 'changed' | 'begun', places: readonly number[]): void {
    this.#text.prependRight(start, `(${this.#counts(which, places)}, `);
    this.#text.prependLeft(end, ')');
  }

  #counts(which: 'changed' | 'begun', places: readonly number[]): string {
    return places.map((place) => `${this.#access}.${which}[${place}]++`).join(', ');
  }
}
