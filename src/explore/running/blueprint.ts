import { types } from 'node:util';
import { IrqError } from '../../base/irq-error.ts';
import { proxyOf } from '../control/view-proxy.ts';
import { hasPrivateNames } from '../loading/private-names.ts';
import type { ElementArray } from './operation.ts';

/** Makes one object of a copy; the same one where it is asked twice for the same copy. */
type Part = { make(copy: number): unknown };

/**
 * Copies of a state, one for each run of a thread, as a worker thread would get it: shared memory is shared, everything
 * else is the copy's own. Objects keep their class. What never differs between two copies (views of shared memory,
 * numbers, functions) is no part of the work, so a state that is one typed array costs nothing.
 */
export class Blueprint {
  readonly #scenario: string;
  readonly #proxied: boolean;
  readonly #parts = new Map<object, Part | undefined>();
  readonly #root: Part | undefined;
  readonly #state: unknown;
  #copies = 0;

  /**
   * @param proxied - views of shared memory are handed out as proxies; see view-proxy.ts.
   * @throws IrqError `ERR_SCENARIO` with the path of an object that cannot be copied.
   */
  constructor(scenario: string, state: unknown, proxied: boolean) {
    this.#scenario = scenario;
    this.#proxied = proxied;
    this.#root = this.#plan(state, 'state');
    this.#state = this.#root === undefined ? this.#constant(state) : undefined;
  }

  /** A fresh copy. */
  copy(): unknown {
    return this.#root === undefined ? this.#state : this.#root.make(++this.#copies);
  }

  /** How to copy the value; undefined where all copies can have the same. */
  #plan(value: unknown, path: string): Part | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    if (this.#parts.has(value)) return this.#parts.get(value);
    if (isShared(value)) {
      this.#parts.set(value, undefined);
      return undefined;
    }
    const part = new Copied();
    this.#parts.set(value, part);
    part.build = this.#builder(value, path);
    return part;
  }

  #builder(value: object, path: string): Build {
    if (ArrayBuffer.isView(value)) {
      const buffer = this.#plan(value.buffer, path) as Part;
      const { byteOffset } = value;
      const length = 'length' in value ? (value.length as number) : value.byteLength;
      const view = value.constructor as new (buffer: unknown, byteOffset: number, length: number) => object;
      return (copy) => {
        const made = new view(buffer.make(copy), byteOffset, length);
        // Buffers are made by a class of Node.js that is not their constructor.
        return Object.getPrototypeOf(made) === Object.getPrototypeOf(value)
          ? made
          : Object.setPrototypeOf(made, Object.getPrototypeOf(value));
      };
    }
    if (value instanceof ArrayBuffer) {
      const bytes = value.slice(0);
      return () => bytes.slice(0);
    }
    if (value instanceof Date) {
      const time = value.getTime();
      return () => Object.setPrototypeOf(new Date(time), Object.getPrototypeOf(value));
    }
    if (value instanceof RegExp) {
      return () => Object.assign(new RegExp(value.source, value.flags), { lastIndex: value.lastIndex });
    }
    if (value instanceof Map) return this.#mapBuilder(value, path);
    if (value instanceof Set) return this.#setBuilder(value, path);
    if (Array.isArray(value)) return this.#arrayBuilder(value, path);
    this.#requireCopyable(value, path);
    return this.#objectBuilder(value, path);
  }

  #mapBuilder(value: Map<unknown, unknown>, path: string): Build {
    const entries = [...value].map(([key, entry], i) => ({
      key: this.#field(key, `a key of ${path}`),
      entry: this.#field(entry, `${path}.get(${typeof key === 'object' ? i : String(key)})`),
    }));
    return (copy, put) => {
      const map = put(Object.setPrototypeOf(new Map(), Object.getPrototypeOf(value))) as Map<
        unknown,
        unknown
      >;
      for (const { key, entry } of entries) Map.prototype.set.call(map, key(copy), entry(copy));
      return map;
    };
  }

  #setBuilder(value: Set<unknown>, path: string): Build {
    const entries = [...value].map((entry) => this.#field(entry, `an entry of ${path}`));
    return (copy, put) => {
      const set = put(Object.setPrototypeOf(new Set(), Object.getPrototypeOf(value))) as Set<unknown>;
      for (const entry of entries) Set.prototype.add.call(set, entry(copy));
      return set;
    };
  }

  #arrayBuilder(value: readonly unknown[], path: string): Build {
    const template = value.map((entry) => this.#constant(entry));
    const own = value.flatMap((entry, i) => {
      const part = this.#plan(entry, `${path}[${i}]`);
      return part === undefined ? [] : [{ i, part }];
    });
    return (copy, put) => {
      const array = put(template.slice()) as unknown[];
      for (const { i, part } of own) array[i] = part.make(copy);
      return Object.isFrozen(value) ? Object.freeze(array) : array;
    };
  }

  #objectBuilder(value: object, path: string): Build {
    const prototype: unknown = Object.getPrototypeOf(value);
    const template = Object.create(null) as Record<PropertyKey, unknown>;
    const own: { key: PropertyKey; part: Part }[] = [];
    // Accessors, and properties that cannot be seen or changed.
    const odd: [PropertyKey, PropertyDescriptor][] = [];
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      const part = 'value' in descriptor ? this.#plan(descriptor.value, `${path}.${String(key)}`) : undefined;
      if (part !== undefined) own.push({ key, part });
      if (descriptor.enumerable && 'value' in descriptor) template[key] = this.#constant(descriptor.value);
      else odd.push([key, descriptor]);
    }
    const plain = prototype === Object.prototype;
    const base: object = plain ? { ...template } : template;
    const frozen = Object.isFrozen(value);
    return (copy, put) => {
      const made = put(
        plain ? { ...base } : Object.assign(Object.create(prototype as object | null), base),
      ) as Record<PropertyKey, unknown>;
      for (const [key, descriptor] of odd) {
        Object.defineProperty(made, key, {
          ...descriptor,
          ...('value' in descriptor ? { writable: true } : {}),
        });
      }
      for (const { key, part } of own) made[key] = part.make(copy);
      return frozen ? Object.freeze(made) : made;
    };
  }

  #field(value: unknown, path: string): (copy: number) => unknown {
    const part = this.#plan(value, path);
    if (part !== undefined) return (copy) => part.make(copy);
    const constant = this.#constant(value);
    return () => constant;
  }

  /** What every copy has of a value that is not copied. */
  #constant(value: unknown): unknown {
    return this.#proxied && isSharedArray(value) ? proxyOf(value) : value;
  }

  #requireCopyable(value: object, path: string): void {
    const why = whyNot(value);
    if (why === undefined) return;
    throw new IrqError(
      'ERR_SCENARIO',
      `scenario (${this.#scenario}): ${path} is ${why}, so it cannot be copied, and each thread needs its own. Return the shared memory it works on from setup, and make it in the hook own(state, thread): threads get what that returns as their second argument`,
    );
  }
}

type Build = (copy: number, put: (made: object) => object) => unknown;

class Copied implements Part {
  build: Build = () => undefined;
  #copy = 0;
  #made: unknown;

  make(copy: number): unknown {
    if (this.#copy === copy) return this.#made;
    this.#copy = copy;
    this.#made = this.build(copy, (made) => {
      // Before its fields are made: they may lead back to it.
      this.#made = made;
      return made;
    });
    return this.#made;
  }
}

/** What threads share in truth, or what has nothing that could be changed. */
function isShared(value: object): boolean {
  return (
    value instanceof SharedArrayBuffer ||
    (ArrayBuffer.isView(value) && value.buffer instanceof SharedArrayBuffer) ||
    isWebAssembly(value) ||
    value instanceof Error ||
    types.isModuleNamespaceObject(value)
  );
}

/** A memory, whose buffer is shared, or a module, which does not change. */
function isWebAssembly(value: object): boolean {
  const tag: unknown = (value as Record<symbol, unknown>)[Symbol.toStringTag];
  return tag === 'WebAssembly.Memory' || tag === 'WebAssembly.Module';
}

function isSharedArray(value: unknown): value is ElementArray {
  return (
    ArrayBuffer.isView(value) && 'BYTES_PER_ELEMENT' in value && value.buffer instanceof SharedArrayBuffer
  );
}

function whyNot(value: object): string | undefined {
  if (types.isProxy(value)) return 'a proxy';
  for (
    let prototype: unknown = Object.getPrototypeOf(value);
    prototype !== null && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    const made = (prototype as object).constructor;
    if (typeof made !== 'function') continue;
    const source = Function.prototype.toString.call(made);
    if (source.includes('[native code]')) return `an object of the built-in class ${made.name}`;
    if (hasPrivateNames(source)) return `an object of class ${made.name}, which has private fields`;
  }
  return undefined;
}
