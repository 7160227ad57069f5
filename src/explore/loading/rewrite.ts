import MagicString from 'magic-string';
import { ACCESS_NAME } from './access.ts';
import { carriedIn } from './carried.ts';
import { writeMarks } from './carried-marks.ts';
import { Chain } from './chain.ts';
import { hasUseStrict, isLoop, mayCopy, readsElements, spineHasElement } from './patterns.ts';
import {
  type AnyNode,
  bare,
  type ChainExpression,
  childrenOf,
  isElement,
  isSurelyOther,
  type MemberExpression,
  parseSource,
  type SourceType,
  suspends,
  type Tree,
} from './syntax.ts';

/** JavaScript during its rewriting: the text with the changes so far, and the tree of the original text. */
export type Rewriting = {
  readonly text: MagicString;
  readonly tree: Tree;
  /** The name in the code of the object with the functions of access.ts. */
  readonly access: string;
  /** The number of rewritten places. */
  readonly places: number;
};

/**
 * Rewrites every access by a computed key that may be an element of a typed array (`a[i]`, `a[i] = v`, `a[i] += v`,
 * `a[i]++`, patterns) into a call of access.ts, with JavaScript's order of evaluation. Adds and removes no line.
 *
 * Leaves alone: keys that cannot be an index; the function in `a[i](x)`, `new a[i]()` and tags, because no element can
 * be called; `delete`; `super[i]`; and code with `yield` or `await` that would need a function around it.
 * @param rewrites - false changes nothing, and returns only the tree.
 * @throws SyntaxError if the code does not parse.
 */
export function rewriteAccesses(
  code: string,
  kind: SourceType,
  strict = kind === 'module',
  rewrites = true,
): Rewriting {
  const tree = parseSource(code, kind);
  const text = new MagicString(code);
  const access = unusedName(code, ACCESS_NAME);
  if (!rewrites) return { text, tree, access, places: 0 };
  const rewriter = new Rewriter(code, text, access);
  rewriter.visit(tree, strict || hasUseStrict(tree));
  const marks = writeMarks(text, access, carriedIn(tree, code));
  return { text, tree, access, places: rewriter.places + marks };
}

/** A name that does not occur in the code. */
export function unusedName(code: string, wanted: string): string {
  let name = wanted;
  for (let n = 2; code.includes(name); n++) name = `${wanted}${n}`;
  return name;
}

/** The function of access.ts for each assignment that may be skipped. */
const LOGICAL: Readonly<Record<string, string>> = { '??=': 'nullish', '||=': 'or', '&&=': 'and' };

class Rewriter {
  readonly #code: string;
  readonly #text: MagicString;
  readonly #access: string;
  /** Assignments whose value is not used. */
  readonly #unused = new Set<AnyNode>();
  places = 0;

  constructor(code: string, text: MagicString, access: string) {
    this.#code = code;
    this.#text = text;
    this.#access = access;
  }

  visit(node: AnyNode, strict: boolean): undefined {
    switch (node.type) {
      case 'MemberExpression':
        if (isElement(node) && !node.optional) return this.#read(node, strict);
        break;
      case 'ChainExpression':
        return this.#chain(node, strict);
      case 'AssignmentExpression':
        return this.#assignment(node, strict);
      case 'UpdateExpression':
        return this.#update(node, strict);
      case 'CallExpression':
        return this.#called(node, node.callee, strict);
      case 'TaggedTemplateExpression':
        return this.#called(node, node.tag, strict);
      case 'NewExpression':
        return this.#made(node, strict);
      case 'UnaryExpression':
        if (node.operator === 'delete') return this.#kept(node.argument, strict);
        break;
      case 'ForInStatement':
      case 'ForOfStatement':
        return this.#loop(node, strict);
      case 'VariableDeclarator':
        this.#target(node.id, strict);
        if (node.init) this.#source(node.id, node.init, strict);
        return;
      case 'ObjectExpression':
        for (const property of node.properties) {
          this.visit(property, strict);
          if (property.type === 'SpreadElement' && !isSurelyOther(property.argument))
            this.#around(property.argument, 'pattern(');
        }
        return;
      case 'ExpressionStatement': {
        const whole = bare(node.expression);
        if (whole.type === 'AssignmentExpression' && whole.operator === '=') this.#unused.add(whole);
        this.#children(node, strict);
        return this.#finish(node);
      }
      case 'ExportDefaultDeclaration':
      case 'ReturnStatement':
      case 'ThrowStatement':
      case 'PropertyDefinition':
        this.#children(node, strict);
        return this.#finish(node);
      case 'ClassDeclaration':
      case 'ClassExpression':
        return this.#children(node, true);
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression': {
        const within = strict || hasUseStrict(node.body);
        for (const parameter of node.params) this.#target(parameter, within);
        return this.visit(node.body, within);
      }
      case 'CatchClause':
        if (node.param) this.#target(node.param, strict);
        return this.visit(node.body, strict);
      default:
    }
    this.#children(node, strict);
  }

  #children(node: AnyNode, strict: boolean): undefined {
    for (const child of childrenOf(node)) {
      this.visit(child, strict);
      if (child.type === 'VariableDeclaration' && !isLoop(node)) this.#finish(child);
    }
  }

  /**
   * Ends a statement with a semicolon: after rewriting, a statement without one may continue on the next line. `a[i]++`
   * cannot be called, but its replacement can.
   */
  #finish(statement: AnyNode): undefined {
    if (this.#code[statement.end - 1] !== ';') this.#text.appendLeft(statement.end, ';');
  }

  /** `a[k]` → `$irq.get(a, k)` */
  #read(node: MemberExpression, strict: boolean): undefined {
    this.#open(node.start, 'get(');
    this.#operands(node, strict);
    this.#replace(node.property.end, node.end, ')');
  }

  /** `a[k]` without its closing bracket → `a, k` */
  #operands({ object, property }: MemberExpression, strict: boolean): undefined {
    this.visit(object, strict);
    this.#replace(object.end, property.start, ', ');
    this.#key(property, strict);
  }

  #key(property: AnyNode, strict: boolean): undefined {
    if (property.type !== 'SequenceExpression') return this.visit(property, strict);
    this.#text.appendRight(property.start, '(');
    this.visit(property, strict);
    this.#text.appendLeft(property.end, ')');
  }

  /** The source of a pattern. */
  #source(pattern: AnyNode, value: AnyNode, strict: boolean): undefined {
    this.visit(value, strict);
    if (readsElements(pattern) && !isSurelyOther(value)) this.#around(value, 'pattern(');
  }

  #assignment(node: AnyNode & { type: 'AssignmentExpression' }, strict: boolean): undefined {
    const { left, right, operator } = node;
    const target = bare(left as AnyNode);
    if (!isElement(target)) {
      this.#target(left as AnyNode, strict);
      // The value assigned to a pattern is also the value of the expression: unchanged if the code uses the
      // expression's value.
      if (this.#unused.has(node)) this.#source(target, right, strict);
      else this.visit(right, strict);
      return;
    }
    if (operator !== '=' && suspends(right)) {
      // A function around the right side could not hold its yield or await.
      this.#kept(target, strict);
      this.visit(right, strict);
      return;
    }
    const logical = LOGICAL[operator];
    const loose = strict ? '' : 'Loose';
    this.#open(node.start, `${operator === '=' ? 'set' : (logical ?? 'assign')}${loose}(`);
    this.#replace(node.start, target.start, '');
    this.#operands(target, strict);
    if (operator === '=') {
      this.#replace(target.property.end, right.start, ', ');
      this.visit(right, strict);
      this.#text.appendLeft(node.end, ')');
      return;
    }
    const binary = operator.slice(0, -1);
    const value = `${this.#access}_value`;
    // Parentheses: the right side may be an object literal, or bind more weakly than the operator.
    const head = logical === undefined ? `, (${value}) => ${value} ${binary} (` : ', () => (';
    this.#replace(target.property.end, right.start, head);
    this.visit(right, strict);
    this.#text.appendLeft(node.end, '))');
  }

  #update(node: AnyNode & { type: 'UpdateExpression' }, strict: boolean): undefined {
    const target = bare(node.argument);
    if (!isElement(target)) return this.#kept(node.argument, strict);
    const which = node.operator === '++' ? 'ncrement' : 'ecrement';
    const first = which[0] === 'n' ? 'i' : 'd';
    const name = node.prefix ? `${first}${which}` : `post${first.toUpperCase()}${which}`;
    this.#open(node.start, `${name}${strict ? '' : 'Loose'}(`);
    this.#replace(node.start, target.start, '');
    this.#operands(target, strict);
    this.#replace(target.property.end, node.end, ')');
  }

  /**
   * A call or a tagged template: the function stays a member of its object, so the call passes the same
   * `this`.
   */
  #called(node: AnyNode, callee: AnyNode, strict: boolean): undefined {
    this.#kept(callee, strict);
    for (const child of childrenOf(node)) if (child !== callee) this.visit(child, strict);
  }

  /**
   * `new a[i].B(x)` → `new ($irq.get(a, i).B)(x)`, and `$irq.construct(…, [x])` if the constructor may copy a
   * typed array.
   */
  #made(node: AnyNode & { type: 'NewExpression' }, strict: boolean): undefined {
    const { callee } = node;
    const first = node.arguments[0];
    const last = node.arguments.at(-1);
    if (first !== undefined && last !== undefined && mayCopy(callee, first)) {
      this.#open(node.start, 'construct(');
      this.#replace(node.start, callee.start, '');
      this.visit(callee, strict);
      this.#replace(callee.end, first.start, ', [');
      for (const argument of node.arguments) this.visit(argument, strict);
      this.#replace(last.end, node.end, '])');
      return;
    }
    if (callee.type !== 'ParenthesizedExpression' && spineHasElement(callee)) {
      this.#text.appendRight(callee.start, '(');
      this.#kept(callee, strict);
      this.#text.appendLeft(callee.end, ')');
    } else this.#kept(callee, strict);
    for (const argument of node.arguments) this.visit(argument, strict);
  }

  /**
   * A member that stays a member, because the code calls, deletes, or changes the member in place: visits its
   * parts.
   */
  #kept(node: AnyNode, strict: boolean): undefined {
    if (node.type === 'ParenthesizedExpression') return this.#kept(node.expression, strict);
    if (node.type === 'ChainExpression') return this.#spineKept(node.expression, strict);
    if (node.type !== 'MemberExpression') return this.visit(node, strict);
    this.visit(node.object, strict);
    if (node.computed) this.visit(node.property, strict);
  }

  /** A chain whose links all stay: visits only their keys and arguments. */
  #spineKept(node: AnyNode, strict: boolean): undefined {
    if (node.type === 'MemberExpression') {
      this.#spineKept(node.object, strict);
      if (node.computed) this.visit(node.property, strict);
    } else if (node.type === 'CallExpression') {
      this.#spineKept(node.callee, strict);
      for (const argument of node.arguments) this.visit(argument, strict);
    } else this.visit(node, strict);
  }

  #loop(node: AnyNode & { type: 'ForInStatement' | 'ForOfStatement' }, strict: boolean): undefined {
    const { left, right, body } = node;
    if (left.type === 'VariableDeclaration') {
      for (const each of left.declarations) this.#target(each.id, strict);
      // `for (var x = 1 in y)`, which occurs in old code.
      for (const each of left.declarations) if (each.init) this.visit(each.init, strict);
    } else this.#target(left as AnyNode, strict);
    this.visit(right, strict);
    this.visit(body, strict);
  }

  /** The target of a pattern, a loop, or a parameter: elements become `$irq.place(a, k).value`. */
  #target(node: AnyNode, strict: boolean): undefined {
    switch (node.type) {
      case 'ParenthesizedExpression':
        return this.#target(node.expression, strict);
      case 'MemberExpression':
        if (!isElement(node)) return this.#kept(node, strict);
        this.#open(node.start, strict ? 'place(' : 'placeLoose(');
        this.#operands(node, strict);
        return this.#replace(node.property.end, node.end, ').value');
      case 'ArrayPattern':
        for (const element of node.elements) if (element) this.#target(element as AnyNode, strict);
        return;
      case 'ObjectPattern':
        for (const property of node.properties) {
          if (property.type === 'RestElement') this.#target(property.argument as AnyNode, strict);
          else {
            if (property.computed) this.visit(property.key, strict);
            this.#target(property.value as AnyNode, strict);
          }
        }
        return;
      case 'AssignmentPattern':
        this.#target(node.left as AnyNode, strict);
        return this.visit(node.right, strict);
      case 'RestElement':
        return this.#target(node.argument as AnyNode, strict);
      default:
        return this.visit(node, strict);
    }
  }

  #chain(node: ChainExpression, strict: boolean): undefined {
    const chain = new Chain(node);
    if (!chain.isRewritten) return this.#spineKept(node.expression, strict);
    const { links } = chain;
    const link = `${this.#access}_link`;
    for (const name of chain.openersAt(0)) this.#open(node.start, name);
    this.visit(links[0] as AnyNode, strict);
    for (const [i, each] of links.entries()) {
      const before = links[i - 1];
      if (before === undefined) continue;
      if (chain.isOptional(i)) {
        this.#text.appendLeft(before.end, `${chain.isBound(i - 1) ? ')' : ''}, (${link}) => `);
        for (const name of chain.openersAt(i)) this.#openLeft(before.end, name);
        this.#text.appendLeft(before.end, link);
        this.#dropQuestion(before.end, each.type === 'MemberExpression' && !each.computed);
      }
      if (chain.isBound(i)) {
        this.#text.appendLeft(before.end, `, (${this.#access}_this) => ${this.#access}_this`);
      }
      if (chain.isRead(i) && each.type === 'MemberExpression') {
        this.#replace(before.end, each.property.start, ', ');
        this.#key(each.property, strict);
        this.#replace(each.property.end, each.end, ')');
      } else if (each.type === 'MemberExpression') {
        if (each.computed) this.visit(each.property, strict);
      } else if (each.type === 'CallExpression') {
        for (const argument of each.arguments) this.visit(argument, strict);
      }
    }
    this.#text.appendLeft(node.end, ')'.repeat(links.filter((_, i) => chain.isOptional(i)).length));
  }

  /** Removes the question mark of `?.b`, and also the dot before brackets. */
  #dropQuestion(from: number, isName: boolean): void {
    const blank = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/[^\n]*\n)*/.exec(this.#code.slice(from))?.[0].length ?? 0;
    const at = from + blank;
    if (isName) this.#text.remove(at, at + 1);
    else this.#text.remove(at, at + 2);
  }

  #open(at: number, name: string): void {
    this.places++;
    this.#text.appendRight(at, `${this.#access}.${name}`);
  }

  #openLeft(at: number, name: string): void {
    this.places++;
    this.#text.appendLeft(at, `${this.#access}.${name}`);
  }

  #around(node: AnyNode, name: string): void {
    this.places++;
    this.#text.prependRight(node.start, `${this.#access}.${name}`);
    this.#text.appendLeft(node.end, ')');
  }

  /** Replaces the text between two parts, and keeps the number of lines. */
  #replace(from: number, to: number, by: string): undefined {
    if (from === to) return;
    const lines = this.#code.slice(from, to).match(/\n/g)?.join('') ?? '';
    this.#text.update(from, to, by + lines);
  }
}
