/**
 * Loaded before all other modules into a command, by NODE_OPTIONS: lets one call of node:fs on one file fail. The environment
 * names the call (FAULT_CALL), the error (FAULT_ERRNO), and a part of the file's name (FAULT_NAME). A write fails after the
 * first half of its bytes.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { FAULT_CALL = '', FAULT_ERRNO = 'EIO', FAULT_NAME = '\0' } = process.env;

type Function = (...args: never[]) => unknown;

/** Open files that the fault is for. */
const files = new Set<number>();
const written = new Set<number>();

function fail(call: string): never {
  throw Object.assign(new Error(`${FAULT_ERRNO}: on purpose, ${call}`), { code: FAULT_ERRNO, syscall: call });
}

function replace(
  name: 'openSync' | 'writeSync' | 'fsyncSync' | 'renameSync' | 'closeSync',
  make: (native: Function) => Function,
): void {
  const native = fs[name] as Function;
  Object.defineProperty(fs, name, { value: make(native), configurable: true, writable: true });
}

const isWanted = (call: string, path: unknown): boolean =>
  call === FAULT_CALL && String(path).includes(FAULT_NAME);

replace('openSync', (native) => (...args: unknown[]) => {
  const [path, flags] = args;
  const isOutput = String(path).includes(FAULT_NAME) && flags !== 'r';
  if (isOutput && FAULT_CALL === 'open') fail('open');
  const fd = Reflect.apply(native, fs, args) as number;
  if (isOutput) files.add(fd);
  else files.delete(fd);
  return fd;
});

replace('writeSync', (native) => (...args: unknown[]) => {
  const [fd, bytes, at = 0] = args as [number, Uint8Array, number?];
  if (FAULT_CALL !== 'write' || !files.has(fd)) return Reflect.apply(native, fs, args);
  if (written.has(fd)) fail('write');
  written.add(fd);
  return Reflect.apply(native, fs, [fd, bytes, at, Math.ceil((bytes.length - at) / 2)]);
});

for (const call of ['fsync', 'close'] as const)
  replace(`${call}Sync`, (native) => (...args: unknown[]) => {
    const result = Reflect.apply(native, fs, args);
    if (FAULT_CALL === call && files.delete(args[0] as number)) fail(call);
    return result;
  });

replace('renameSync', (native) => (...args: unknown[]) => {
  if (isWanted('rename', args[1])) fail('rename');
  return Reflect.apply(native, fs, args);
});

syncBuiltinESMExports();
