import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { IrqError } from '../../base/irq-error.ts';
import { didYouMean } from '../../base/suggestion.ts';
import { readThrown } from '../../base/thrown.ts';

type AnyFunction = (...given: never[]) => unknown;

/** The URL of a user's module on a command line. @throws IrqError `ERR_FILE` if the file does not exist */
export function moduleUrl(role: 'guest' | 'device', path: string): string {
  const whole = resolve(path);
  if (!existsSync(whole)) throw new IrqError('ERR_FILE', `--${role} ${path}: there is no file ${whole}`);
  return pathToFileURL(whole).href;
}

/** A user's module, loaded in the thread that runs its functions. */
export class UserModule {
  readonly #url: string;
  readonly #role: string;
  readonly #names: Readonly<Record<string, unknown>>;

  private constructor(url: string, role: string, names: Readonly<Record<string, unknown>>) {
    this.#url = url;
    this.#role = role;
    this.#names = names;
  }

  /**
   * Loads the module. @param role - for messages: `guest`. @throws IrqError `ERR_SCENARIO` if Node.js cannot load it
   */
  static async load(role: 'guest' | 'device', url: string): Promise<UserModule> {
    try {
      const names = (await import(url)) as Readonly<Record<string, unknown>>;
      // Node.js finds only some exports of a CommonJS module by name; `default` has all of them.
      const whole = typeof names.default === 'object' && names.default !== null ? names.default : {};
      return new UserModule(url, role, { ...whole, ...names });
    } catch (thrown) {
      const { name, message } = readThrown(thrown);
      const why = name === '' ? message : `${name}: ${message}`;
      throw new IrqError('ERR_SCENARIO', `the ${role} module ${fileURLToPath(url)} cannot be loaded: ${why}`);
    }
  }

  /** Returns a mandatory function of the module. @throws IrqError `ERR_SCENARIO` */
  function<F extends AnyFunction>(name: string, call: string): F {
    const found = this.optional<F>(name, call);
    if (found) return found;
    const names = Object.keys(this.#names).filter((each) => each !== 'default');
    const has = names.length === 0 ? 'the module exports nothing' : `the module exports ${names.join(', ')}`;
    throw this.#refuse(`exports no function ${call}: ${has}${didYouMean(name, names)}`);
  }

  /**
   * Returns an optional function of the module.
   * @throws IrqError `ERR_SCENARIO` for an export that is no synchronous function
   */
  optional<F extends AnyFunction>(name: string, call: string): F | undefined {
    const value = this.#names[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'function')
      throw this.#refuse(`exports ${name}, which is no function: give a function ${call}`);
    if (value.constructor.name !== 'Function')
      throw this.#refuse(`exports an ${value.constructor.name} ${name}: give a plain synchronous function`);
    return value as F;
  }

  /** The error for an exception in one of the module's functions: names the thread, the call and the line. */
  blame(thread: string, call: string, thrown: unknown): IrqError {
    const { name, message, stack } = readThrown(thrown);
    const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
    const path = fileURLToPath(this.#url);
    const own = frames.find((frame) => frame.includes(this.#url) || frame.includes(path)) ?? frames[0];
    const place = own === undefined ? path : placeOf(own);
    const what = name === '' || name === 'IrqError' ? message : `${name}: ${message}`;
    const code = thrown instanceof IrqError ? thrown.code : 'ERR_THREAD_DIED';
    const error = new IrqError(code, `${thread} threw in ${call} at ${place}: ${what}`);
    error.stack = [`IrqError: ${error.message}`, ...frames].join('\n');
    return error;
  }

  #refuse(why: string): IrqError {
    return new IrqError('ERR_SCENARIO', `the ${this.#role} module ${fileURLToPath(this.#url)} ${why}`);
  }
}

/** Finds `path:line:column` in a line of a stack. */
function placeOf(frame: string): string {
  const place = /\(?([^\s()]+:\d+:\d+)\)?$/.exec(frame)?.[1] ?? frame.trim();
  const [, url, position] = /^(file:.*?)((?::\d+){1,2})$/.exec(place) ?? [];
  return url === undefined ? place : `${fileURLToPath(url)}${position}`;
}
