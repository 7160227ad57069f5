import { types } from 'node:util';
import { hasPrivateNames } from './private-names.ts';

/** Most values, and most bytes, that are watched. */
const MOST_VALUES = 50_000;
const MOST_BYTES = 1 << 20;

/** The variables of one module, by name. */
export type Variables = () => readonly (readonly [name: string, value: () => unknown])[];

/** The trail through everything that variables hold: objects, keys, values, in order. */
type Trail = { readonly names: string[]; readonly seen: unknown[] };

/** Thrown if a trail is too long, or does not show everything. */
class Unseen {}

/**
 * Watches the content of a program's module variables, as far as properties, elements and entries reach. This finds
 * changes through other names than the variable's, which the text of functions does not show.
 *
 * The content of closures and private fields is out of reach; for those, the text is examined: see module-state.ts. An
 * object of a class with private fields that its methods change cannot be watched.
 */
export class StateWatch {
  readonly #modules: Variables[] = [];
  readonly #classes = new Map<string, boolean>();
  /** Values that belong to no module of the program. */
  readonly #outside = new Set<unknown>(
    Object.values(Object.getOwnPropertyDescriptors(globalThis)).map(({ value }) => value as unknown),
  );
  #before: Trail | undefined;

  /** Watches a module from now on. Called by the module itself. */
  add(variables: Variables): void {
    if (this.#before === undefined) this.#modules.push(variables);
  }

  /** @param classes - by name: whether objects of the class stay as their constructors made them */
  addClasses(classes: ReadonlyMap<string, boolean>): void {
    for (const [name, isKept] of classes)
      this.#classes.set(name, isKept && this.#classes.get(name) !== false);
  }

  /** Leaves out a value that belongs to Node.js. */
  leaveOut(value: unknown): void {
    this.#outside.add(value);
  }

  /** Begins: the present content of the variables is right. @returns the first variable that cannot be watched */
  begin(): string | undefined {
    this.#before = this.#walk();
    return this.#before.seen.at(-1) instanceof Unseen ? this.#before.names.at(-1) : undefined;
  }

  /** The first variable whose content differs from the beginning. */
  changed(): string | undefined {
    const before = this.#before as Trail;
    const now = this.#walk();
    const most = Math.max(before.seen.length, now.seen.length);
    for (let i = 0; i < most; i++) {
      if (!Object.is(before.seen[i], now.seen[i])) return now.names[i] ?? before.names[i];
    }
    return undefined;
  }

  #walk(): Trail {
    const trail: Trail = { names: [], seen: [] };
    const known = new Set<object>();
    let bytes = 0;
    const note = (name: string, value: unknown): void => {
      trail.names.push(name);
      trail.seen.push(value);
      if (trail.seen.length > MOST_VALUES) throw new Unseen();
    };
    const visit = (name: string, value: unknown): void => {
      note(name, value);
      if ((typeof value !== 'object' && !isClass(value)) || value === null) return;
      if (known.has(value) || this.#outside.has(value) || types.isProxy(value)) return;
      known.add(value);
      if (types.isModuleNamespaceObject(value) || value instanceof SharedArrayBuffer) return;
      if (types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value)) {
        if (ArrayBuffer.isView(value) && value.buffer instanceof SharedArrayBuffer) return;
        const content = ArrayBuffer.isView(value)
          ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
          : Buffer.from(value);
        bytes += content.length;
        if (bytes > MOST_BYTES) throw new Unseen();
        note(name, content.toString('latin1'));
        return;
      }
      if (types.isMap(value))
        for (const pair of Map.prototype.entries.call(value)) for (const each of pair) visit(name, each);
      else if (types.isSet(value)) for (const each of Set.prototype.values.call(value)) visit(name, each);
      else if (types.isDate(value)) note(name, Date.prototype.getTime.call(value));
      else if (typeof value === 'object' && this.#hides(value)) throw new Unseen();
      for (const key of Reflect.ownKeys(value)) {
        const property = Reflect.getOwnPropertyDescriptor(value, key);
        if (property === undefined || (typeof value === 'function' && key === 'prototype')) continue;
        note(name, key);
        if ('value' in property) visit(name, property.value);
      }
    };
    try {
      for (const variables of this.#modules) {
        for (const [name, value] of variables()) visit(name, read(value));
      }
    } catch (error) {
      if (!(error instanceof Unseen)) throw error;
      trail.names.push(trail.names.at(-1) ?? '');
      trail.seen.push(error);
    }
    return trail;
  }

  /** Whether an object has private fields that its methods may change. */
  #hides(value: object): boolean {
    for (
      let prototype = Object.getPrototypeOf(value);
      prototype;
      prototype = Object.getPrototypeOf(prototype)
    ) {
      const made: unknown = Reflect.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
      if (typeof made !== 'function' || made === Object || this.#classes.get(made.name) === true) continue;
      if (hasPrivateNames(Function.prototype.toString.call(made))) return true;
    }
    return false;
  }
}

/** Functions other than classes keep nothing in properties that their text does not show. */
function isClass(value: unknown): value is object {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}

/** A variable without a value yet counts as empty. */
function read(value: () => unknown): unknown {
  try {
    return value();
  } catch {
    return undefined;
  }
}
