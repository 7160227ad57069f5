import { isReference } from './module-function.ts';
import { type Kind, namesIn, namesOf, Scope, worst } from './scopes.ts';
import { type AnyNode, bare, childrenOf, isFunction, walk } from './syntax.ts';

const MUTATORS =
  /^(?:push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin|set\w*|add|delete|clear|write\w*|next|exec|test)$/;
const READERS =
  /^(?:get|has|at|includes|indexOf|lastIndexOf|find\w*|filter|map|flatMap|some|every|reduce\w*|join|slice|subarray|concat|forEach|keys|values|entries|toString|valueOf|hasOwnProperty)$/;
const FIXED_CALLS =
  /^(?:require|__require|__toESM|Symbol|Number|String|Boolean|BigInt|parseInt|parseFloat|createRequire)$/;
const TABLE_CALLS =
  /^(?:freeze|seal|keys|values|entries|fromEntries|map|filter|flatMap|slice|concat|split|sort|reverse|flat|from|of|toSorted)$/;
const FIXED_OBJECTS = /^(?:Symbol|Number|String|BigInt|Math|JSON)$/;
const FIXED_CLASSES = /^(?:TextEncoder|TextDecoder|Error|\w+Error|URL|WeakRef)$/;

/** A module's state, by its text. */
export type KeptState = {
  /** The first outliving state that functions change; undefined for none. */
  readonly changes: string | undefined;
  /** By name: whether objects of the module's class stay as their constructors made them. */
  readonly classes: ReadonlyMap<string, boolean>;
};

/**
 * Whether functions of a module change state that outlives their call: its variables, their content, static fields of
 * classes. Examines only the text, and answers yes in doubt. The text does not show a change through another name
 * (`const first = table[0]; first.n++`): see {@link StateWatch}.
 */
export function keptState(tree: AnyNode): KeptState {
  const state = new ModuleState(tree);
  return { changes: state.changed, classes: state.classes };
}

class ModuleState {
  /** The scopes of the module itself, and of functions that run during its evaluation. */
  readonly #scopes = new Map<AnyNode, Scope>();
  readonly #evaluated = new Set<AnyNode>();
  /** By name: whether objects of the class stay as their constructors made them. */
  readonly classes = new Map<string, boolean>();
  /** The functions that the module declares. */
  readonly #functions = new Map<string, AnyNode>();
  changed: string | undefined;

  /** @param tree - a module, or a function that runs during the evaluation of one */
  constructor(tree: AnyNode) {
    if (tree.type === 'Program') {
      for (const node of tree.body) {
        const declared = node.type === 'ExportNamedDeclaration' ? node.declaration : node;
        if (declared?.type === 'FunctionDeclaration' && declared.id)
          this.#functions.set(declared.id.name, declared);
      }
    } else this.#evaluated.add(tree);
    this.declare(tree);
    this.look(tree);
  }

  /** Records the variables of the module, and their content. */
  declare(node: AnyNode, outer?: Scope): void {
    if (isFunction(node) && !this.#evaluated.has(node)) return;
    let scope = outer;
    const names = namesOf(node);
    if (names !== undefined) {
      scope = new Scope(outer, names, true);
      this.#scopes.set(node, scope);
      if (node.type === 'Program') for (const name of ['exports', 'module']) scope.kinds.set(name, 'fixed');
      // The arguments of a function may be anything.
      if ('params' in node) for (const name of node.params.flatMap(namesIn)) scope.kinds.set(name, 'made');
    }
    if (node.type === 'ClassDeclaration' && node.id) this.#noteClass(node.id.name, node);
    if (node.type === 'VariableDeclarator' && node.init) {
      if (node.init.type === 'ClassExpression' && node.id.type === 'Identifier')
        this.#noteClass(node.init.id?.name ?? node.id.name, node.init, node.id.name);
      const kind = this.#kindOf(node.init, scope);
      for (const name of namesIn(node.id)) scope?.note(name, kind);
    } else if (node.type === 'AssignmentExpression' && node.left.type === 'Identifier') {
      scope?.note(node.left.name, this.#kindOf(node.right, scope));
    } else if (node.type === 'CallExpression' || node.type === 'NewExpression') {
      this.#runs(bare(node.callee));
      if (callsAtOnce(node.callee)) for (const each of node.arguments) this.#runs(bare(each));
    } else if (
      (node.type === 'ForOfStatement' || node.type === 'ForInStatement') &&
      node.left.type === 'VariableDeclaration'
    ) {
      // The values of a loop's variable come from a table.
      for (const name of node.left.declarations.flatMap(({ id }) => namesIn(id)))
        this.#scopes.get(node)?.note(name, 'table');
    }
    for (const child of childrenOf(node)) this.declare(child, scope);
  }

  /** Of several classes with one name, none counts as unchanging if one is not. */
  #noteClass(
    name: string,
    node: AnyNode & { type: 'ClassDeclaration' | 'ClassExpression' },
    variable = name,
  ): void {
    const isKept = isView(node);
    for (const each of new Set([name, variable]))
      this.classes.set(each, isKept && this.classes.get(each) !== false);
  }

  #runs(node: AnyNode): void {
    if (isFunction(node)) this.#evaluated.add(node);
    else if (node.type === 'ObjectExpression') {
      for (const each of node.properties) if (each.type === 'Property') this.#runs(bare(each.value));
    } else if (node.type === 'MemberExpression') this.#runs(bare(node.object));
  }

  #kindOf(value: AnyNode | undefined, scope: Scope | undefined): Kind {
    if (value === undefined) return 'fixed';
    switch (value.type) {
      case 'Literal':
        return value.regex && /[gy]/.test(value.regex.flags) ? 'made' : 'fixed';
      case 'ParenthesizedExpression':
        return this.#kindOf(value.expression, scope);
      case 'SequenceExpression':
        return this.#kindOf(value.expressions.at(-1), scope);
      case 'AssignmentExpression':
        return this.#kindOf(value.right, scope);
      case 'ConditionalExpression':
        return worst(this.#kindOf(value.consequent, scope), this.#kindOf(value.alternate, scope));
      case 'LogicalExpression':
        return worst(this.#kindOf(value.left, scope), this.#kindOf(value.right, scope));
      case 'ObjectExpression':
      case 'ArrayExpression':
        return 'table';
      case 'MemberExpression':
        return this.#kindOf(value.object as AnyNode, scope) === 'fixed' ? 'fixed' : 'table';
      case 'Identifier':
        return scope?.find(value.name)?.kinds.get(value.name) ?? 'fixed';
      case 'NewExpression':
        return value.callee.type === 'Identifier' && this.classes.get(value.callee.name) === true
          ? 'fixed'
          : kindOfNew(value.callee);
      case 'CallExpression':
        return this.#isMaker(value.callee) ? 'fixed' : kindOfCall(value.callee);
      case 'TaggedTemplateExpression':
        return 'made';
      default:
        // Functions, classes, arithmetic, comparisons, templates, awaited values.
        return 'fixed';
    }
  }

  /** Whether the callee is a function of the module that makes functions, none of which changes its captured values. */
  #isMaker(callee: AnyNode): boolean {
    const made = callee.type === 'Identifier' ? this.#functions.get(callee.name) : undefined;
    if (made?.type !== 'FunctionDeclaration' || made.async || made.generator) return false;
    const results = resultsOf(made.body);
    if (results.length === 0 || !results.every((result) => result !== undefined && isFunction(bare(result))))
      return false;
    return new ModuleState(made).changed === undefined;
  }

  /**
   * Searches functions for their changes.
   * @param parents - from the outermost.
   */
  look(node: AnyNode, parents: readonly AnyNode[] = [], outer?: Scope, within = false): void {
    if (this.changed !== undefined) return;
    const inside = within || (isFunction(node) && !this.#evaluated.has(node));
    let scope = outer;
    const names = namesOf(node);
    if (names !== undefined) scope = inside ? new Scope(outer, names, false) : this.#scopes.get(node);
    const parent = parents.at(-1);
    if (inside && node.type === 'Identifier' && isReference(node, parent)) {
      const found = scope?.find(node.name);
      if (found?.lasts) this.#use(node, found.kinds.get(node.name) ?? 'fixed', parents);
    }
    if (inside && node.type === 'MemberExpression' && isWritten(node, parent) && isStatic(node, parents)) {
      this.changed = 'a static field';
    }
    const path = [...parents, node];
    for (const child of childrenOf(node)) this.look(child, path, scope, inside);
  }

  /** Handles a function's use of a variable that existed before its call. */
  #use(node: AnyNode & { type: 'Identifier' }, kind: Kind, parents: readonly AnyNode[]): void {
    let inner: AnyNode = node;
    let depth = parents.length - 1;
    let last = '';
    const isWrite = (): boolean => isWritten(inner, parents[depth]);
    if (isWrite()) {
      this.changed = node.name;
      return;
    }
    for (;;) {
      const parent = parents[depth];
      if (parent?.type === 'ParenthesizedExpression' || parent?.type === 'ChainExpression') inner = parent;
      else if (parent?.type === 'MemberExpression' && parent.object === inner) {
        inner = parent;
        last = parent.property.type === 'Identifier' && !parent.computed ? parent.property.name : '[]';
      } else break;
      depth--;
      if (isWrite()) {
        this.changed = `${node.name}.${last}`;
        return;
      }
    }
    const parent = parents[depth];
    if (parent?.type === 'CallExpression' && parent.callee === inner) this.#called(node.name, kind, last);
    else if (kind === 'made' && last === '' && !isHarmless(parent, inner)) this.changed = node.name;
    else if (
      kind !== 'fixed' &&
      parent?.type === 'CallExpression' &&
      isDefining(parent.callee, parent.arguments[0], inner)
    )
      this.changed = node.name;
  }

  #called(name: string, kind: Kind, method: string): void {
    if (kind === 'fixed') return;
    if (kind === 'table' ? MUTATORS.test(method) : !READERS.test(method)) {
      this.changed = method === '' ? name : `${name}.${method}()`;
    }
  }
}

/** Whether a call runs the functions passed to it, and keeps none of them. */
function callsAtOnce(callee: AnyNode): boolean {
  // The last are the bundler's: they run a module once.
  if (callee.type === 'Identifier') return /^(?:Promise|Map|Set|__esm\w*|__commonJS\w*)$/.test(callee.name);
  if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return false;
  return READERS.test(callee.property.name) || TABLE_CALLS.test(callee.property.name);
}

/** The returned expressions of a function. */
function resultsOf(body: AnyNode): (AnyNode | undefined)[] {
  return childrenOf(body).flatMap((child) => {
    if (isFunction(child)) return [];
    const inner = resultsOf(child);
    return child.type === 'ReturnStatement' ? [child.argument ?? undefined, ...inner] : inner;
  });
}

function kindOfNew(callee: AnyNode): Kind {
  if (callee.type !== 'Identifier') return 'made';
  if (FIXED_CLASSES.test(callee.name)) return 'fixed';
  return /^(?:Map|Set|Array|Object)$/.test(callee.name) ? 'table' : 'made';
}

function kindOfCall(callee: AnyNode): Kind {
  if (callee.type === 'Identifier') return FIXED_CALLS.test(callee.name) ? 'fixed' : 'made';
  if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return 'made';
  if (callee.object.type === 'Identifier' && FIXED_OBJECTS.test(callee.object.name)) return 'fixed';
  if (callee.property.name === 'join' || callee.property.name === 'toString') return 'fixed';
  return TABLE_CALLS.test(callee.property.name) ? 'table' : 'made';
}

/** Whether no method of a class except its constructor changes the content of `this`. */
function isView(node: AnyNode & { type: 'ClassDeclaration' | 'ClassExpression' }): boolean {
  if (node.superClass) return false;
  return node.body.body.every((member) => {
    if (member.type !== 'MethodDefinition' || member.kind === 'constructor') return true;
    let changes = false;
    walk(member, (each, parent) => {
      if (each.type !== 'MemberExpression' || rootOf(each).type !== 'ThisExpression') return undefined;
      const called = parent?.type === 'CallExpression' && parent.callee === each;
      const name = each.property.type === 'Identifier' ? each.property.name : '';
      const held = each.object.type === 'MemberExpression';
      if (isWritten(each, parent) || (called && held && !READERS.test(name))) changes = true;
      return undefined;
    });
    return !changes;
  });
}

function rootOf(node: AnyNode): AnyNode {
  return node.type === 'MemberExpression' ? rootOf(node.object) : node;
}

/** Whether a node is assigned to, incremented, or deleted. */
function isWritten(node: AnyNode, parent: AnyNode | undefined): boolean {
  switch (parent?.type) {
    case 'AssignmentExpression':
      return parent.left === node;
    case 'UpdateExpression':
      return true;
    case 'UnaryExpression':
      return parent.operator === 'delete';
    case 'ForInStatement':
    case 'ForOfStatement':
      return parent.left === node;
    case 'AssignmentPattern':
      return parent.left === node;
    case 'ArrayPattern':
    case 'RestElement':
      return true;
    case 'Property':
      // The target of a pattern, or the value of a literal: a member is a target only in a pattern.
      return false;
    default:
      return false;
  }
}

/** Whether `this.x` or `….constructor.x` is written in a place where `this` is a class. */
function isStatic(node: AnyNode & { type: 'MemberExpression' }, parents: readonly AnyNode[]): boolean {
  const { object } = node;
  if (
    object.type === 'MemberExpression' &&
    object.property.type === 'Identifier' &&
    object.property.name === 'constructor'
  )
    return true;
  if (object.type !== 'ThisExpression') return false;
  const method = parents.findLast(
    (each) => each.type === 'MethodDefinition' || each.type === 'FunctionDeclaration',
  );
  return method?.type === 'MethodDefinition' && method.static;
}

/** Whether a use of a value cannot change the value. */
function isHarmless(parent: AnyNode | undefined, node: AnyNode): boolean {
  switch (parent?.type) {
    case 'UnaryExpression':
    case 'BinaryExpression':
    case 'IfStatement':
    case 'ConditionalExpression':
      return true;
    case 'NewExpression':
      return parent.callee === node;
    case 'MemberExpression':
      return parent.object !== node;
    default:
      return false;
  }
}

function isDefining(callee: AnyNode, first: AnyNode | undefined, node: AnyNode): boolean {
  return (
    first === node &&
    callee.type === 'MemberExpression' &&
    callee.property.type === 'Identifier' &&
    /^(?:assign|define\w*|set\w*|deleteProperty)$/.test(callee.property.name)
  );
}
