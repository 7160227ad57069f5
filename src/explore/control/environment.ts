import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { writeElement } from './plain.ts';
import { putBack, replaceProperty, type Undo } from './replacements.ts';

/** Time and chance for controlled code; undefined: the engine's. */
export type TimeAndChance = {
  /** ns since the start of the schedule, on the running thread's clock. */
  nowNs(): number | undefined;
  /** 32 random bits. */
  bits(): number | undefined;
};

/** `Date` at the start of every schedule: the year of the first GICv3 ITS patches for KVM. */
const EPOCH_MS = Date.UTC(2015, 0, 1);
const nativeNow = Date.now;

/**
 * Replaces clock and chance (Date, performance.now, process.hrtime, Math.random, crypto's) while `body` runs, so that a
 * repeated run of a thread sees the same values. Puts them back however `body` ends.
 */
export function withControlledEnvironment<T>(source: TimeAndChance, body: () => T): T {
  const undo: Undo[] = [];
  try {
    replaceClock(source, undo);
    replaceChance(source, undo);
    syncBuiltinESMExports();
    return body();
  } finally {
    try {
      putBack(undo);
    } finally {
      syncBuiltinESMExports();
    }
  }
}

function replaceClock(source: TimeAndChance, undo: Undo[]): void {
  const NativeDate = Date;
  const performanceNow = performance.now.bind(performance);
  const hrtime = process.hrtime;
  const hrtimeBigint = process.hrtime.bigint;
  const nowMs = (): number => {
    const ns = source.nowNs();
    return ns === undefined ? nativeNow() : EPOCH_MS + Math.floor(ns / 1e6);
  };
  replaceProperty(NativeDate, 'now', nowMs, undo);
  const ControlledDate = new Proxy(NativeDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [nowMs()] : args, newTarget),
    apply: () => new NativeDate(nowMs()).toString(),
  });
  replaceProperty(globalThis, 'Date', ControlledDate, undo);
  replaceProperty(
    performance,
    'now',
    () => {
      const ns = source.nowNs();
      return ns === undefined ? performanceNow() : ns / 1e6;
    },
    undo,
  );
  const controlledBigint = (): bigint => {
    const ns = source.nowNs();
    return ns === undefined ? hrtimeBigint() : BigInt(Math.floor(ns));
  };
  const controlledHrtime = (since?: [number, number]): [number, number] => {
    const ns = source.nowNs();
    if (ns === undefined) return hrtime(since);
    const whole = ns - (since === undefined ? 0 : since[0] * 1e9 + since[1]);
    return [Math.floor(whole / 1e9), Math.floor(whole % 1e9)];
  };
  replaceProperty(hrtime, 'bigint', controlledBigint, undo);
  replaceProperty(process, 'hrtime', Object.assign(controlledHrtime, { bigint: controlledBigint }), undo);
}

function replaceChance(source: TimeAndChance, undo: Undo[]): void {
  const mathRandom = Math.random;
  replaceProperty(
    Math,
    'random',
    () => {
      const high = source.bits();
      const low = source.bits();
      if (high === undefined || low === undefined) return mathRandom();
      return ((high >>> 5) * 67108864 + (low >>> 6)) / 9007199254740992;
    },
    undo,
  );
  const native = {
    randomBytes: crypto.randomBytes,
    randomInt: crypto.randomInt,
    randomUUID: crypto.randomUUID,
    randomFillSync: crypto.randomFillSync,
    getRandomValues: crypto.webcrypto.getRandomValues.bind(crypto.webcrypto),
  };
  const fill = (view: ArrayBufferView): boolean => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let i = 0; i < bytes.length; i++) {
      const bits = source.bits();
      if (bits === undefined) return false;
      writeElement(bytes, i, bits >>> 24);
    }
    return true;
  };
  const randomBytes = (size: number, callback?: (error: Error | null, bytes: Buffer) => void): unknown => {
    const bytes = Buffer.alloc(size);
    if (callback !== undefined || !fill(bytes))
      return Reflect.apply(native.randomBytes, crypto, callback ? [size, callback] : [size]);
    return bytes;
  };
  const randomUUID = (): string => {
    const bytes = Buffer.alloc(16);
    if (!fill(bytes)) return native.randomUUID();
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  };
  const getRandomValues = (view: ArrayBufferView): ArrayBufferView => {
    if (!fill(view)) native.getRandomValues(view as Uint8Array<ArrayBuffer>);
    return view;
  };
  const randomInt = (...args: unknown[]): unknown => {
    const bits = source.bits();
    if (bits === undefined || typeof args.at(-1) === 'function')
      return Reflect.apply(native.randomInt, crypto, args);
    const [low, high] = args.length > 1 ? [Number(args[0]), Number(args[1])] : [0, Number(args[0])];
    return low + Math.floor(((bits >>> 0) / 4294967296) * (high - low));
  };
  replaceProperty(crypto, 'randomBytes', randomBytes, undo);
  replaceProperty(crypto, 'randomUUID', randomUUID, undo);
  replaceProperty(crypto, 'randomInt', randomInt, undo);
  replaceProperty(
    crypto,
    'randomFillSync',
    (view: ArrayBufferView, ...rest: unknown[]) =>
      rest.length === 0 && fill(view) ? view : Reflect.apply(native.randomFillSync, crypto, [view, ...rest]),
    undo,
  );
  // node:crypto's is a getter of Node.js's own, which reads this one.
  replaceProperty(globalThis.crypto, 'getRandomValues', getRandomValues, undo);
  replaceProperty(globalThis.crypto, 'randomUUID', randomUUID, undo);
}
