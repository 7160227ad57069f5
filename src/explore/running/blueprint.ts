import { types } from 'node:util';
import { IrqError } from '../../base/irq-error.ts';
import { proxyOf } from '../control/view-proxy.ts';
import { hasPrivateNames } from '../loading/private-names.ts';
import { isMemory, isModule } from '../memory/web-assembly.ts';
import type { ElementArray } from './operation.ts';

/** Makes one object of a copy; a second call for the same copy returns the same object. */
type Part = { make(copy: number): unknown };

/**
 * Copies of a state, one for each run of a thread, as a worker thread would get the state: shared memory is
 * shared, everything else belongs to the copy. Objects keep their class. Values that never differ between two
 * copies (views of shared memory, numbers, functions) cost no work, so a state that is one typed array costs
 * nothing.
 */
export class Blueprint {
  readonly #scenario: string;
  readonly #proxied: boolean;
  readonly #parts = new Map<object, Part | undefined>();
  readonly #root: Part | undefined;
  readonly #state: unknown;
  #copies = 0;

  /**
   * @param proxied - hand out views of shared memory as proxies; see view-proxy.ts.
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

  /** Plans the copy of a value; undefined if all copies can share the value. */
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
    if (types.isProxy(value)) throw this.#uncopyable(path, 'a proxy');
    if (ArrayBuffer.isView(value)) return this.#viewBuilder(value, path);
    if (types.isArrayBuffer(value)) {
      const bytes = value.slice(0);
      return () => bytes.slice(0);
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (types.isDate(value)) {
      const time = Date.prototype.getTime.call(value);
      return () => Object.setPrototypeOf(new Date(time), prototype as object);
    }
    if (types.isRegExp(value)) {
      const { source, flags, lastIndex } = value;
      return () => Object.assign(new RegExp(source, flags), { lastIndex });
    }
    if (types.isMap(value)) return this.#mapBuilder(value, path);
    if (types.isSet(value)) return this.#setBuilder(value, path);
    if (Array.isArray(value)) return this.#arrayBuilder(value, path);
    const why = whyNot(value);
    if (why !== undefined) throw this.#uncopyable(path, why);
    // The mark of an error is no property.
    return this.#objectBuilder(value, path, types.isNativeError(value) ? () => new Error() : undefined);
  }

  /**
   * A typed array, a DataView, or a Buffer: the class of its elements makes the copy, which then gets its own class.
   */
  #viewBuilder(value: ArrayBufferView, path: string): Build {
    const buffer = this.#plan(value.buffer, path) as Part;
    const { byteOffset } = value;
    const length = 'length' in value ? (value.length as number) : value.byteLength;
    const prototype: unknown = Object.getPrototypeOf(value);
    const kind = kindOf(value);
    return (copy) => {
      const made = new kind(buffer.make(copy), byteOffset, length);
      return kind.prototype === prototype ? made : Object.setPrototypeOf(made, prototype as object);
    };
  }

  #mapBuilder(value: Map<unknown, unknown>, path: string): Build {
    const entries = [...Map.prototype.entries.call(value)].map(([key, entry], i) => ({
      key: this.#field(key, `a key of ${path}`),
      entry: this.#field(
        entry,
        `${path}.get(${typeof key === 'object' || typeof key === 'function' ? i : String(key)})`,
      ),
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
    const entries = [...Set.prototype.values.call(value)].map((entry) =>
      this.#field(entry, `an entry of ${path}`),
    );
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

  /** @param make - makes an object of the right kind without properties; left out, the value's class is used. */
  #objectBuilder(value: object, path: string, make?: () => object): Build {
    const prototype: unknown = Object.getPrototypeOf(value);
    const template = Object.create(null) as Record<PropertyKey, unknown>;
    const own: { key: PropertyKey; part: Part }[] = [];
    // Accessors, and hidden or constant properties.
    const odd: [PropertyKey, PropertyDescriptor][] = [];
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      const part = 'value' in descriptor ? this.#plan(descriptor.value, `${path}.${String(key)}`) : undefined;
      if (part !== undefined) own.push({ key, part });
      if (descriptor.enumerable && 'value' in descriptor) template[key] = this.#constant(descriptor.value);
      else odd.push([key, descriptor]);
    }
    const plain = prototype === Object.prototype && make === undefined;
    const base: object = plain ? { ...template } : template;
    const frozen = Object.isFrozen(value);
    return (copy, put) => {
      const made = put(
        plain
          ? { ...base }
          : make === undefined
            ? Object.assign(Object.create(prototype as object | null), base)
            : Object.assign(Object.setPrototypeOf(make(), prototype as object | null), base),
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

  /** The value that every copy has in place of a value that is not copied. */
  #constant(value: unknown): unknown {
    return this.#proxied && isSharedArray(value) ? proxyOf(value) : value;
  }

  #uncopyable(path: string, why: string): IrqError {
    return new IrqError(
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
      // Before the fields are made: they may lead back to this object.
      this.#made = made;
      return made;
    });
    return this.#made;
  }
}

/** Whether threads really share the value, or the value cannot change. Runs no code of the value. */
function isShared(value: object): boolean {
  if (types.isProxy(value)) return false;
  return (
    types.isSharedArrayBuffer(value) ||
    (ArrayBuffer.isView(value) && types.isSharedArrayBuffer(value.buffer)) ||
    isMemory(value) ||
    isModule(value) ||
    types.isModuleNamespaceObject(value)
  );
}

function isSharedArray(value: unknown): value is ElementArray {
  return ArrayBuffer.isView(value) && 'BYTES_PER_ELEMENT' in value && types.isSharedArrayBuffer(value.buffer);
}

type Kind = { new (buffer: unknown, byteOffset: number, length: number): object; readonly prototype: object };

/** The engine's class of a view, independent of the class that the program has given the view. */
function kindOf(value: ArrayBufferView): Kind {
  const tag = Reflect.getOwnPropertyDescriptor(TYPED_ARRAY, Symbol.toStringTag)?.get?.call(value) as
    | string
    | undefined;
  return Reflect.get(globalThis, tag ?? 'DataView') as Kind;
}

const TYPED_ARRAY = Object.getPrototypeOf(Int8Array.prototype) as object;

/** The reason why an object, other than a proxy, cannot be copied. */
function whyNot(value: object): string | undefined {
  for (
    let prototype: unknown = Object.getPrototypeOf(value);
    prototype !== null && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    if (types.isProxy(prototype)) return 'an object that inherits from a proxy';
    const made: unknown = Reflect.getOwnPropertyDescriptor(prototype as object, 'constructor')?.value;
    if (typeof made !== 'function') continue;
    const source = Function.prototype.toString.call(made);
    if (source.includes('[native code]')) {
      if (types.isNativeError(value)) continue;
      return `an object of the built-in class ${made.name}`;
    }
    if (hasPrivateNames(source)) return `an object of class ${made.name}, which has private fields`;
  }
  return undefined;
}
