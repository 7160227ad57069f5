import { type AnyNode, childrenOf, isFunction } from './syntax.ts';

/**
 * The content of a module's variable: `fixed` (a number, a function, another module); a `table` (an array, an object, a
 * Map, which functions may read); or `made` by a call, and unknown.
 */
export type Kind = 'fixed' | 'table' | 'made';

const WORST: readonly Kind[] = ['fixed', 'table', 'made'];

/** The less known of two kinds. */
export function worst(a: Kind, b: Kind): Kind {
  return WORST.indexOf(a) > WORST.indexOf(b) ? a : b;
}

/** The names that a block or a function declares. */
export class Scope {
  readonly #outer: Scope | undefined;
  readonly kinds = new Map<string, Kind>();
  /**
   * Whether the variable exists once for each instance of the module, and not once for each call of a
   * function.
   */
  readonly lasts: boolean;

  constructor(outer: Scope | undefined, names: readonly string[], lasts: boolean) {
    this.#outer = outer;
    this.lasts = lasts;
    for (const name of names) this.kinds.set(name, 'fixed');
  }

  find(name: string): Scope | undefined {
    return this.kinds.has(name) ? this : this.#outer?.find(name);
  }

  /** Records an assignment to a variable. */
  note(name: string, kind: Kind): void {
    const { kinds } = this.find(name) ?? this;
    kinds.set(name, worst(kinds.get(name) ?? 'fixed', kind));
  }
}

/** The names that a node declares for its descendants; undefined unless the node is a block or a function. */
export function namesOf(node: AnyNode): string[] | undefined {
  switch (node.type) {
    case 'Program':
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression': {
      const names = 'params' in node ? node.params.flatMap(namesIn) : [];
      if (node.type === 'FunctionExpression' && node.id) names.push(node.id.name);
      return [...names, ...hoistedIn(node), ...(node.type === 'Program' ? lexicalIn(node.body) : [])];
    }
    case 'BlockStatement':
    case 'StaticBlock':
      return lexicalIn(node.body);
    case 'SwitchStatement':
      return lexicalIn(node.cases.flatMap(({ consequent }) => consequent));
    case 'ForStatement':
      return node.init ? lexicalIn([node.init]) : [];
    case 'ForInStatement':
    case 'ForOfStatement':
      return lexicalIn([node.left]);
    case 'CatchClause':
      return node.param ? namesIn(node.param) : [];
    case 'ClassExpression':
      return node.id ? [node.id.name] : undefined;
    default:
      return undefined;
  }
}

/** The `var` declarations, at any depth of blocks. */
export function hoistedIn(node: AnyNode): string[] {
  return childrenOf(node).flatMap((child) => {
    if (isFunction(child)) return [];
    const own =
      child.type === 'VariableDeclaration' && child.kind === 'var'
        ? child.declarations.flatMap(({ id }) => namesIn(id))
        : [];
    return [...own, ...hoistedIn(child)];
  });
}

/** The declarations of one block for itself. */
export function lexicalIn(statements: readonly AnyNode[]): string[] {
  return statements.flatMap((each) => {
    if (each.type === 'VariableDeclaration')
      return each.kind === 'var' ? [] : each.declarations.flatMap(({ id }) => namesIn(id));
    if (each.type === 'FunctionDeclaration' || each.type === 'ClassDeclaration')
      return each.id ? [each.id.name] : [];
    if (each.type === 'ImportDeclaration') return each.specifiers.map(({ local }) => local.name);
    if (
      (each.type === 'ExportNamedDeclaration' || each.type === 'ExportDefaultDeclaration') &&
      each.declaration
    )
      return lexicalIn([each.declaration as AnyNode]);
    return [];
  });
}

/** The names that a pattern declares. */
export function namesIn(pattern: AnyNode): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((each) =>
        namesIn(each.type === 'RestElement' ? (each.argument as AnyNode) : (each.value as AnyNode)),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap((each) => (each ? namesIn(each as AnyNode) : []));
    case 'AssignmentPattern':
      return namesIn(pattern.left as AnyNode);
    case 'RestElement':
      return namesIn(pattern.argument as AnyNode);
    case 'ParenthesizedExpression':
      return namesIn(pattern.expression);
    default:
      return [];
  }
}
