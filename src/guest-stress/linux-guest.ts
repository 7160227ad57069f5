import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readInputFile } from '../base/input-file.ts';
import { IrqError } from '../base/irq-error.ts';
import { CPIO_CHARACTER_DEVICE, CPIO_DIRECTORY, type CpioEntry, writeCpio } from '../platform/loader/cpio.ts';

/** The init of the package: see guests/linux/init.c. */
const INIT = new URL('../../guests/linux/init', import.meta.url);
const INIT_FROM_DIST = new URL('../../../guests/linux/init', import.meta.url);

/** The modules that the guest's init loads, after their dependencies. A kernel with a built-in driver has no file of it. */
const MODULES = ['virtio_pci', 'virtio-rng', 'virtio_blk'] as const;
/** Key of the dependencies in a module's .modinfo section. */
const DEPENDS = 'depends=';

/** The largest accepted files, bytes. */
const MOST_KERNEL = 2 ** 30;
const MOST_MODULE = 2 ** 26;

/** Paths of a kernel's Image, and of the folder of its modules (`/lib/modules/VERSION`). */
export type LinuxFiles = { readonly kernel: string; readonly modules: string };

/**
 * Reads the kernel, and builds an initial RAM disk with our init and the kernel's modules.
 * @throws IrqError `ERR_FILE`
 */
export function linuxGuest({ kernel, modules }: LinuxFiles): { kernel: Uint8Array; initrd: Uint8Array } {
  const found = modulesIn(modules);
  const loaded = new Map<string, Uint8Array>();
  const begun = new Set<string>();
  for (const name of MODULES) addModule(name, found, loaded, begun);
  const entries: CpioEntry[] = [
    ...['dev', 'proc', 'sys', 'm'].map((name) => ({ name, mode: CPIO_DIRECTORY })),
    { name: 'dev/console', mode: CPIO_CHARACTER_DEVICE, device: [5, 1] },
    { name: 'init', data: readFileSync(import.meta.url.endsWith('.ts') ? INIT : INIT_FROM_DIST) },
    ...[...loaded.values()].map((data, index) => ({ name: `m/${String(index).padStart(2, '0')}.ko`, data })),
  ];
  return { kernel: readInputFile(kernel, 'a kernel', MOST_KERNEL), initrd: writeCpio(entries) };
}

/** Adds a module after its dependencies. Modules that depend on each other in a circle come in any order. */
function addModule(
  name: string,
  found: ReadonlyMap<string, string>,
  loaded: Map<string, Uint8Array>,
  begun: Set<string>,
): void {
  const file = found.get(plain(name));
  if (file === undefined || begun.has(plain(name))) return;
  begun.add(plain(name));
  const data = readInputFile(file, 'a kernel module', MOST_MODULE);
  const at = data.indexOf(`\0${DEPENDS}`);
  const depends = at < 0 ? '' : data.toString('latin1', at + 1 + DEPENDS.length, data.indexOf(0, at + 1));
  for (const each of depends.split(',')) if (each !== '') addModule(each, found, loaded, begun);
  loaded.set(plain(name), data);
}

/** A module's name from its file: dashes become underscores. */
const plain = (name: string) => name.replaceAll('-', '_');

/** The uncompressed modules of a folder, by name; our init cannot load compressed ones. */
function modulesIn(folder: string): Map<string, string> {
  let names: string[];
  try {
    if (!statSync(folder).isDirectory()) throw new Error('it is not a folder');
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (cause) {
    throw new IrqError(
      'ERR_FILE',
      `${folder} cannot be read as a folder of kernel modules: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
  return new Map(
    names
      .filter((name) => name.endsWith('.ko'))
      .map((name) => [plain(basename(name, '.ko')), join(folder, name)]),
  );
}
