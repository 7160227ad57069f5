import { fnv1a } from '../../base/fnv.ts';
import { PLACES } from '../running/round-marks.ts';
import { MUTATORS } from './free-writes.ts';
import { namesIn, namesOf } from './scopes.ts';
import { type AnyNode, bare, childrenOf, isFunction } from './syntax.ts';

/** A variable of the code. */
type Variable = {
  readonly place: number;
  /** The function that it belongs to, and the innermost loop of that function around its declaration. */
  readonly fn: AnyNode | undefined;
  readonly loop: AnyNode | undefined;
  /** A loop may carry it from round to round. */
  isCarried: boolean;
  /** Each time that it comes to life it holds an object that nothing else has. */
  isFresh: boolean;
  /** Where it comes to life: declarators with `let` and `const`, the body of a function for parameters and `var`. */
  readonly births: AnyNode[];
};

/** What a loop may carry from round to round, by node of the tree. Each is given by the number of its place. */
export type Carried = {
  /** Updates, assignments by patterns, and calls that change what a variable holds: each a change. */
  readonly changes: ReadonlyMap<AnyNode, readonly number[]>;
  /** Assignments to one variable: a change where the value is another one. */
  readonly assignments: ReadonlyMap<AnyNode, { readonly place: number; readonly name: string }>;
  /** Declarators, and bodies of functions: variables come to life. */
  readonly births: ReadonlyMap<AnyNode, readonly number[]>;
};

/** What has such a method, and is a word of the scenario, or nothing that is kept. */
const NO_RECEIVER = /^(?:Atomics|Reflect|Object)$/;

type Names = ReadonlyMap<string, Variable>;
type Where = {
  readonly fn: AnyNode | undefined;
  readonly loop: AnyNode | undefined;
  readonly scopes: readonly Names[];
};

/** Looks through the code of a module for what its loops may carry from round to round. */
export function carriedIn(tree: AnyNode, code: string): Carried {
  return new Search(code).of(tree);
}

class Search {
  readonly #seed: number;
  readonly #changes = new Map<AnyNode, number[]>();
  readonly #assignments = new Map<AnyNode, { place: number; name: string }>();
  readonly #variables: Variable[] = [];

  constructor(code: string) {
    this.#seed = fnv1a(code);
  }

  of(tree: AnyNode): Carried {
    this.#visit(tree, { fn: undefined, loop: undefined, scopes: [] });
    const births = new Map<AnyNode, number[]>();
    for (const { isCarried, births: nodes, place } of this.#variables)
      if (isCarried) for (const node of nodes) births.set(node, [...(births.get(node) ?? []), place]);
    return { changes: this.#changes, assignments: this.#assignments, births };
  }

  #visit(node: AnyNode, outer: Where): void {
    const where = this.#within(node, outer);
    if (node.type === 'VariableDeclaration' && node.kind !== 'var') {
      for (const { id, init } of node.declarations) {
        const variable = id.type === 'Identifier' ? find(where, id.name) : undefined;
        if (variable !== undefined && node.kind === 'const' && isMade(init)) variable.isFresh = true;
      }
    }
    this.#note(node, where);
    const loop = loopParts(node);
    for (const child of childrenOf(node)) {
      if (child.type === 'VariableDeclaration' && child.kind !== 'var' && !isForEach(node))
        this.#bear(child, where);
      this.#visit(child, loop.includes(child) ? { ...where, loop: node } : where);
    }
  }

  /** The declarators by which variables come to life. */
  #bear(declaration: AnyNode & { type: 'VariableDeclaration' }, where: Where): void {
    for (const declarator of declaration.declarations)
      if (!isNamed(declarator.init))
        for (const name of namesIn(declarator.id)) find(where, name)?.births.push(declarator);
  }

  /** What lies under a node: its own names, and its own function. */
  #within(node: AnyNode, outer: Where): Where {
    const names = namesOf(node);
    const where = isFunction(node) ? { ...outer, fn: node, loop: undefined } : outer;
    if (names === undefined) return where;
    const own = new Map<string, Variable>();
    const body = isFunction(node) && 'body' in node ? (node.body as AnyNode) : undefined;
    for (const name of names) {
      // Parameters, and what `var` declares: they come to life with the call.
      const births = body?.type === 'BlockStatement' ? [body] : [];
      const variable = {
        place: this.#placeOf(node, name),
        ...{ fn: where.fn, loop: where.loop, isCarried: false, isFresh: false, births },
      };
      own.set(name, variable);
      this.#variables.push(variable);
    }
    return { ...where, scopes: [own, ...where.scopes] };
  }

  #note(node: AnyNode, where: Where): void {
    if (node.type === 'UpdateExpression') this.#change(node, bare(node.argument), where);
    else if (node.type === 'AssignmentExpression') this.#assign(node, where);
    else if (node.type === 'CallExpression') {
      const callee = bare(node.callee as AnyNode);
      if (callee.type !== 'MemberExpression' || callee.computed || callee.property.type !== 'Identifier')
        return;
      if (!MUTATORS.test(callee.property.name)) return;
      const object = bare(callee.object as AnyNode);
      if (object.type !== 'Identifier' || !NO_RECEIVER.test(object.name)) this.#fill(node, object, where);
    }
  }

  #assign(node: AnyNode & { type: 'AssignmentExpression' }, where: Where): void {
    const target = bare(node.left as AnyNode);
    if (target.type === 'MemberExpression') {
      if (node.operator !== '=' || readsProperty(node.right, target)) this.#change(node, target, where);
      return;
    }
    if (target.type === 'Identifier') {
      const variable = find(where, target.name);
      if (variable === undefined || !survives(variable, where)) return;
      // A function that is put into a variable takes its name from there.
      if (isNamed(node.right)) this.#carry(node, target, where);
      else {
        variable.isCarried = true;
        this.#assignments.set(node, { place: variable.place, name: target.name });
      }
      return;
    }
    for (const name of namesIn(target)) this.#carry(node, { name }, where);
  }

  /** `a++`, `o.p += 1`: of a variable that survives a round, or of a property. */
  #change(node: AnyNode, target: AnyNode, where: Where): void {
    if (target.type === 'Identifier') this.#carry(node, target, where);
    else if (target.type === 'MemberExpression') {
      // Elements of typed arrays are operations of their own; see access.ts for the others.
      if (!target.computed) this.#fill(node, bare(target.object as AnyNode), where);
    }
  }

  /** Notes a change of what an object holds: an object that comes to life in each round is none that a loop carries. */
  #fill(node: AnyNode, object: AnyNode, where: Where): void {
    const variable = object.type === 'Identifier' ? find(where, object.name) : undefined;
    if (object.type === 'Identifier' && variable?.isFresh) this.#carry(node, object, where);
    else this.#add(node, this.#placeOf(node, '.'));
  }

  /** Notes a change of a variable, or of what it holds, if the variable survives a round of a loop. */
  #carry(node: AnyNode, { name }: { readonly name: string }, where: Where): void {
    const variable = find(where, name);
    if (variable === undefined || !survives(variable, where)) return;
    variable.isCarried = true;
    this.#add(node, variable.place);
  }

  #add(node: AnyNode, place: number): void {
    this.#changes.set(node, [...(this.#changes.get(node) ?? []), place]);
  }

  #placeOf(node: AnyNode, name: string): number {
    return (Math.imul(this.#seed ^ node.start ^ Math.imul(fnv1a(name), 31), 0x9e3779b1) >>> 8) % PLACES;
  }
}

function find({ scopes }: Where, name: string): Variable | undefined {
  return scopes.find((names) => names.has(name))?.get(name);
}

/** Whether a variable may have the value in a later round that it is given here. */
function survives(variable: Variable, { fn, loop }: Where): boolean {
  return variable.fn !== fn || variable.loop !== loop;
}

/** What of a loop runs in each of its rounds. */
function loopParts(node: AnyNode): readonly unknown[] {
  switch (node.type) {
    case 'WhileStatement':
    case 'DoWhileStatement':
      return [node.test, node.body];
    case 'ForStatement':
      return [node.test, node.update, node.body];
    case 'ForInStatement':
    case 'ForOfStatement':
      return [node.body];
    default:
      return [];
  }
}

/** Whether an expression reads the property that is assigned: `o.n = o.n + 1`. */
function readsProperty(value: AnyNode, target: AnyNode & { type: 'MemberExpression' }): boolean {
  const { property } = target;
  if (target.computed || !('name' in property)) return false;
  if (value.type === 'MemberExpression' && !value.computed && 'name' in value.property)
    if (value.property.name === property.name) return true;
  return !isFunction(value) && childrenOf(value).some((child) => readsProperty(child, target));
}

/** Whether a value is a function or a class, which takes its name from the variable that it is put into. */
function isNamed(node: AnyNode | null | undefined): boolean {
  return node !== null && node !== undefined && (isFunction(node) || node.type === 'ClassExpression');
}

/** Whether a value is an object made there and then. */
function isMade(node: AnyNode | null | undefined): boolean {
  const type = node?.type;
  return type === 'ObjectExpression' || type === 'ArrayExpression' || type === 'NewExpression';
}

function isForEach(node: AnyNode): boolean {
  return node.type === 'ForInStatement' || node.type === 'ForOfStatement';
}
