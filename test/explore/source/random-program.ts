import { Chance } from '../../../src/base/chance.ts';

/**
 * Random JavaScript that says all that it does: each read, write, call and conversion of an object goes into `log`, so
 * that two runs are the same only if their order of evaluation is.
 */
export class RandomProgram {
  readonly #chance: Chance;
  #depth = 0;
  #generator = false;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    this.#chance.begin(seed);
  }

  /** The text of a function's body; it uses the names of {@link PRELUDE}. */
  body(): string {
    const strict = this.#chance.below(2) === 0;
    // One that throws does not keep the others from being run.
    const statements = Array.from(
      { length: 3 + this.#chance.below(6) },
      () => `try {\n${this.#statement()}\n} catch (error) { log.push(said(error)) }`,
    );
    return `${strict ? "'use strict';\n" : ''}${statements.join('\n')}\n`;
  }

  /** One of some texts; those that are functions are made only when they are picked. */
  #pick(from: readonly (string | (() => string))[]): string {
    const picked = from[this.#chance.below(from.length)] ?? '';
    return typeof picked === 'string' ? picked : picked();
  }

  #statement(): string {
    switch (this.#chance.below(14)) {
      case 0:
        return `log.push(${this.#expression()})`;
      case 1:
        return `var [${this.#name()}, ${this.#name()} = ${this.#expression()}] = [${this.#expression()}, ${this.#expression()}]`;
      case 2:
        return `;[${this.#element()}, ...${this.#element()}] = ${this.#list()}`;
      case 3:
        return `;({ x: ${this.#element()}, [${this.#key()}]: ${this.#element()} = ${this.#expression()} } = ${this.#object()})`;
      case 4:
        return `for (${this.#element()} of ${this.#list()}) log.push(${this.#expression()})`;
      case 5:
        return `for (${this.#element()} in { p: 1, q: 2 }) { ${this.#statement()} }`;
      case 6:
        return `if (${this.#expression()}) ${this.#element()}++\nelse ${this.#element()}--`;
      case 7:
        return `var v = ${this.#element()}++\n;(${this.#expression()})`;
      case 8:
        return `try { ${this.#statement()} } catch ({ message }) { log.push(typeof message) } finally { ${this.#element()} = ${this.#expression()} }`;
      case 9:
        return `var { 0: v, [${this.#key()}]: w, ...u } = ${this.#object()}`;
      case 10: {
        const was = this.#generator;
        this.#generator = true;
        const text = `log.push([...(function* () { ${this.#statement()}; yield ${this.#expression()} })()].length)`;
        this.#generator = was;
        return text;
      }
      case 11:
        return `log.push(function () { return [${this.#expression()}, typeof this, arguments[${this.#pick(['0', 'u', "'1'"])}]] }.call(${this.#expression()}, ${this.#expression()}, 2).length)`;
      case 12:
        return `log.push(new (class extends ${this.#pick(['Base', 'Int32Array'])} { [${this.#key()}] = ${this.#expression()}; get(k) { return super[k] } })(2).get(${this.#key()}))`;
      default:
        return this.#expression().replace(/^(?=[{[(/`+-]|function|class)/, ';');
    }
  }

  #name(): string {
    return this.#pick(['v', 'w', 'u']);
  }

  #object(): string {
    return this.#pick([
      'a',
      'a',
      'b',
      'b',
      'c',
      't',
      'o("d")',
      'o("e")',
      'o("g")',
      'v',
      'w',
      'f',
      this.#chance.below(4) === 0 ? 'n' : 'a',
    ]);
  }

  #list(): string {
    return this.#pick([
      '[1, 2, 3]',
      't',
      '[a, b]',
      () => `[${this.#expression()}, ${this.#expression()}, ${this.#expression()}]`,
    ]);
  }

  #key(): string {
    return this.#pick([
      '0',
      '1',
      '"x"',
      'k("y")',
      'k(0)',
      'i',
      'i++',
      '(i, 1)',
      '`z`',
      's',
      '-1',
      '"0"',
      'k("m")',
    ]);
  }

  #element(): string {
    const element = `${this.#object()}${this.#pick(['', '.x', '[0]'])}[${this.#key()}]`;
    return this.#chance.below(8) === 0 ? `(${element})` : element;
  }

  #chain(): string {
    let chain = this.#object();
    const links = 1 + this.#chance.below(4);
    for (let n = 0; n < links; n++) {
      chain += this.#pick([
        '.x',
        '?.x',
        () => `[${this.#key()}]`,
        () => `?.[${this.#key()}]`,
        () => `.m(${this.#expression()})`,
        () => `.m?.(${this.#expression()})`,
        () => `?.m(${this.#expression()})`,
        () => `["m"]?.(${this.#expression()})`,
        () => `?.[k("m")](${this.#expression()})`,
        '\n  ?.y',
      ]);
    }
    return chain;
  }

  #expression(): string {
    if (this.#depth > 3) return this.#pick(['1', 'i', 'v', '"s"', 'null', 'undefined', 'this']);
    this.#depth++;
    const text = this.#anyExpression();
    this.#depth--;
    return text;
  }

  #anyExpression(): string {
    const e = (): string => this.#expression();
    switch (this.#chance.below(24)) {
      case 0:
      case 1:
        return this.#element();
      case 2:
      case 3:
        return this.#chain();
      case 4:
        return `(${this.#element()} = ${e()})`;
      case 5:
        return `(${this.#element()} ${this.#pick(['+=', '-=', '*=', '<<=', '>>>=', '|=', '**=', '%='])} ${e()})`;
      case 6:
        return `(${this.#element()} ${this.#pick(['??=', '||=', '&&='])} ${this.#pick([e, '{}', 'function () {}', '() => 1'])})`;
      case 7:
        return `${this.#pick(['++', '--'])}${this.#element()}`;
      case 8:
        return `${this.#element()}${this.#pick(['++', '--'])}`;
      case 9:
        return `delete ${this.#pick([() => this.#element(), () => this.#chain()])}`;
      case 10:
        return `typeof ${this.#pick([() => this.#element(), () => this.#chain()])}`;
      case 11:
        return `${this.#element()}(${e()}, ...${this.#list()})`;
      case 12:
        return `(${this.#chain()})[${this.#key()}]`;
      case 13:
        return `(${this.#chain()})(${e()})`;
      case 14:
        return `new ${this.#object()}[${this.#key()}].C(${e()})`;
      case 15:
        return `new ${this.#pick(['Base', 'Uint8Array', 'Array'])}(${this.#pick([e, 't', '...[1, 2]'])})`;
      case 16:
        return `${this.#pick(['tag', () => this.#element(), 'a.m'])}\`x\${${e()}}y\``;
      case 17:
        return `((p = ${e()}, { [${this.#key()}]: q } = ${this.#object()}) => p[${this.#key()}])(${this.#pick(['', e])})`;
      case 18:
        return `(${e()} ${this.#pick(['+', '===', '||', '&&', '??=='.slice(0, 2), ',', '<'])} ${e()})`;
      case 19:
        return `[${e()}, ...${this.#list()}][${this.#key()}]`;
      case 20:
        return `({ ...${this.#object()}, [${this.#key()}]: ${e()} })`;
      case 21:
        return `(${this.#key()} in ${this.#pick(['a', 'b', 't'])})`;
      case 22:
        return this.#generator
          ? `(${this.#element()} ${this.#pick(['=', '+='])} yield ${e()})`
          : `void ${e()}`;
      default:
        return `(${e()} ? ${this.#element()} : ${e()})`;
    }
  }
}

/** What random programs find around them. */
export const PRELUDE = `
  let steps = 0;
  const log = [];
  const say = (text) => { if (++steps > 3000) throw new Error('long enough'); log.push(text); };
  const o = (name, depth = 0) => new Proxy(function () {}, {
    get(target, key) {
      say('get ' + name + '.' + String(key));
      if (key === Symbol.toPrimitive) return () => name.length;
      if (key === Symbol.iterator) return function* () { yield 1; yield 2; };
      if (key === 'm' || key === 'C') return function (...given) { say(name + '.m of ' + (this === undefined ? 'nothing' : typeof this)); return depth > 3 ? undefined : o(name + 'r', depth + 1); };
      if (key === 'y' || depth > 3) return undefined;
      return key === 'x' || key === '0' ? o(name + '_', depth + 1) : name.length;
    },
    set(target, key, value) { say('set ' + name + '.' + String(key) + ' ' + typeof value); return key !== '1'; },
    deleteProperty(target, key) { say('delete ' + name + '.' + String(key)); return key !== '1'; },
    has(target, key) { say('has ' + name + '.' + String(key)); return false; },
    ownKeys() { say('keys ' + name); return ['p', '0', 'prototype', 'arguments', 'caller']; },
    getOwnPropertyDescriptor(target, key) {
      say('own ' + name + '.' + String(key));
      return Reflect.getOwnPropertyDescriptor(target, key) ?? { value: 1, enumerable: true, configurable: true };
    },
    apply(target, self) { say('call ' + name + ' ' + typeof self); return 7; },
    construct() { say('new ' + name); return {}; },
  });
  const k = (key) => ({ toString() { say('key ' + key); return String(key); } });
  class Base { constructor(...given) { this[0] = given.length; } m() { return this; } }
  const tag = function (strings, ...rest) { say('tag ' + strings.length); return rest.length; };
  const s = Symbol('s');
  const said = (error) => error instanceof Error ? error.name + (error.message === 'long enough') : typeof error;
  const n = null, f = Object.freeze([1, 2]);
  const t = new Int32Array(new SharedArrayBuffer(16));
  const a = o('a'), b = { x: { 0: 5, y: [1] }, 0: [3, 4], m() { say('b.m ' + (this === b)); return this; }, y: null }, c = [[1, 2], { x: 1 }];
  var i = 0, v = o('v'), w = [[1], [2]], u;
`;
