import { fnv1a } from '../../base/fnv.ts';
import { PLACES } from '../running/round-marks.ts';
import { MUTATORS } from './free-writes.ts';
import { namesIn, namesOf } from './scopes.ts';
import { type AnyNode, bare, childrenOf, isFunction } from './syntax.ts';

/** A variable of the code. */
type Variable = {
  readonly place: number;
  /** The function that owns the variable, and the innermost loop of that function around its declaration. */
  readonly fn: AnyNode | undefined;
  readonly loop: AnyNode | undefined;
  /** Whether a loop may carry the variable from round to round. */
  isCarried: boolean;
  /** Whether each birth gives the variable an object of its own. */
  isFresh: boolean;
  /** The births: declarators with `let` and `const`; the body of a function for parameters and `var`. */
  readonly births: AnyNode[];
};

/** The values that a loop may carry from round to round, by node of the tree, each as the number of its place. */
export type Carried = {
  /** Updates, assignments by patterns, and calls that change a variable's content: each is a change. */
  readonly changes: ReadonlyMap<AnyNode, readonly number[]>;
  /** Assignments to one variable: a change if the value differs. */
  readonly assignments: ReadonlyMap<AnyNode, { readonly place: number; readonly name: string }>;
  /** Declarators and function bodies: births of variables. */
  readonly births: ReadonlyMap<AnyNode, readonly number[]>;
};

/** Receivers of such a method that are words of the scenario, or keep nothing. */
const NO_RECEIVER = /^(?:Atomics|Reflect|Object)$/;

type Names = ReadonlyMap<string, Variable>;
type Where = {
  readonly fn: AnyNode | undefined;
  readonly loop: AnyNode | undefined;
  readonly scopes: readonly Names[];
};

/** Finds the values that a module's loops may carry from round to round. */
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

  /** The declarators that create variables. */
  #bear(declaration: AnyNode & { type: 'VariableDeclaration' }, where: Where): void {
    for (const declarator of declaration.declarations)
      if (!isNamed(declarator.init))
        for (const name of namesIn(declarator.id)) find(where, name)?.births.push(declarator);
  }

  /** The context under a node: its own names, and its own function. */
  #within(node: AnyNode, outer: Where): Where {
    const names = namesOf(node);
    const where = isFunction(node) ? { ...outer, fn: node, loop: undefined } : outer;
    if (names === undefined) return where;
    const own = new Map<string, Variable>();
    const body = isFunction(node) && 'body' in node ? (node.body as AnyNode) : undefined;
    for (const name of names) {
      // Parameters and `var` variables are created by the call.
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
      // A function takes its name from the variable to which the function is assigned.
      if (isNamed(node.right)) this.#carry(node, target, where);
      else {
        variable.isCarried = true;
        this.#assignments.set(node, { place: variable.place, name: target.name });
      }
      return;
    }
    for (const name of namesIn(target)) this.#carry(node, { name }, where);
  }

  /** `a++`, `o.p += 1`: a change of a variable that survives a round, or of a property. */
  #change(node: AnyNode, target: AnyNode, where: Where): void {
    if (target.type === 'Identifier') this.#carry(node, target, where);
    else if (target.type === 'MemberExpression') {
      // Elements of typed arrays are operations of their own; see access.ts for the others.
      if (!target.computed) this.#fill(node, bare(target.object as AnyNode), where);
    }
  }

  /** Records a change of an object's content; a loop does not carry an object that each round creates. */
  #fill(node: AnyNode, object: AnyNode, where: Where): void {
    const variable = object.type === 'Identifier' ? find(where, object.name) : undefined;
    if (object.type === 'Identifier' && variable?.isFresh) this.#carry(node, object, where);
    else this.#add(node, this.#placeOf(node, '.'));
  }

  /** Records a change of a variable, or of its content, if the variable survives a round of a loop. */
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

/** Whether a variable may keep the value assigned here into a later round. */
function survives(variable: Variable, { fn, loop }: Where): boolean {
  return variable.fn !== fn || variable.loop !== loop;
}

/** The parts of a loop that run in each round. */
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

/** Whether an expression reads the assigned property: `o.n = o.n + 1`. */
function readsProperty(value: AnyNode, target: AnyNode & { type: 'MemberExpression' }): boolean {
  const { property } = target;
  if (target.computed || !('name' in property)) return false;
  if (value.type === 'MemberExpression' && !value.computed && 'name' in value.property)
    if (value.property.name === property.name) return true;
  return !isFunction(value) && childrenOf(value).some((child) => readsProperty(child, target));
}

/** Whether a value is a function or a class, which takes its name from its variable. */
function isNamed(node: AnyNode | null | undefined): boolean {
  return node !== null && node !== undefined && (isFunction(node) || node.type === 'ClassExpression');
}

/** Whether a value is an object made on the spot. */
function isMade(node: AnyNode | null | undefined): boolean {
  const type = node?.type;
  return type === 'ObjectExpression' || type === 'ArrayExpression' || type === 'NewExpression';
}

function isForEach(node: AnyNode): boolean {
  return node.type === 'ForInStatement' || node.type === 'ForOfStatement';
}
