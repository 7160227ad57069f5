import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The kernels that are asked: version, and the Debian suite that has it. */
export const KERNELS = {
  '6.1': { suite: 'bookworm', image: /^linux-image-6\.1\.0-\d+-arm64$/ },
  '6.12': { suite: 'bookworm', image: /^linux-image-6\.12\.\d+\+deb\d+-arm64$/ },
  // From 7 on the image lies in a package of its own.
  '7.2': { suite: 'sid', image: /^linux-binary-7\.2\.\d+\+deb\d+-arm64$/ },
} as const;
export type KernelName = keyof typeof KERNELS;
export const KERNEL_NAMES = Object.keys(KERNELS) as KernelName[];

/** What QEMU boots. */
export type Bootable = {
  readonly kernel: string;
  readonly initrd: string;
  /** Left out: the arm64 machine. */
  readonly emulator?: string;
  readonly machine?: readonly string[];
  /** The longest that an answer may take, ms; default 60,000. */
  readonly patienceMs?: number;
};

/** Beside the repository, and kept from run to run: 300 MB. */
export const CACHE = join(tmpdir(), 'irqloom-oracle');
const SOURCE = fileURLToPath(new URL(sourcePath(), import.meta.url));

/** The tools that building and booting need, and the Debian package of each. */
const TOOLS = {
  'qemu-system-aarch64': 'qemu-system-arm',
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross',
  cpio: 'cpio',
} as const;

const SOURCES = ['bookworm', 'sid']
  .flatMap((suite) => [
    `http://deb.debian.org/debian ${suite} main`,
    ...(suite === 'sid' ? [] : [`http://deb.debian.org/debian-security ${suite}-security main`]),
  ])
  .map((source) => `deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${source}\n`)
  .join('');

/** `dist/test/oracle` when compiled, `test/oracle` under vitest: init.c is not compiled along. */
function sourcePath(): string {
  return import.meta.url.includes('/dist/test/') ? '../../../test/oracle/init.c' : './init.c';
}

/** Fetches a kernel and builds /init, unless that was done before. Progress goes to stderr. @throws Error that names the failed step */
export function prepare(name: KernelName): Bootable {
  installTools();
  return { kernel: fetchKernel(name), initrd: buildInit() };
}

function installTools(): void {
  const missing = Object.entries(TOOLS).filter(([tool]) => spawnSync('which', [tool]).status !== 0);
  if (missing.length === 0) return;
  const packages = missing.flatMap(([, names]) => names.split(' '));
  process.stderr.write(`oracle: installing ${packages.join(' ')}\n`);
  run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'update', '-qq']);
  run('apt-get', [
    ...['-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '-qq', '--no-install-recommends'],
    ...packages,
  ]);
}

function fetchKernel(name: KernelName): string {
  const folder = join(CACHE, name);
  const kernel = join(folder, 'vmlinuz');
  if (existsSync(kernel)) return kernel;
  process.stderr.write(`oracle: fetching a kernel ${name}\n`);
  const lists = join(CACHE, 'apt');
  for (const each of [folder, join(lists, 'lists', 'partial'), join(lists, 'cache', 'archives', 'partial')])
    mkdirSync(each, { recursive: true });
  writeFileSync(join(lists, 'sources.list'), SOURCES);
  const apt = [
    `Dir::Etc::sourcelist=${join(lists, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(lists, 'lists')}`,
    'Dir::State::status=/dev/null',
    `Dir::Cache=${join(lists, 'cache')}`,
    'APT::Architecture=arm64',
    'APT::Architectures=arm64',
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  run('apt-get', [...apt, 'update', '-qq']);
  const found = run('apt-cache', [...apt, 'search', '--names-only', '^linux-(image|binary)-[67]'])
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((each) => KERNELS[name].image.test(each))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const newest = found.at(-1);
  if (newest === undefined)
    throw new Error(`Debian ${KERNELS[name].suite} has no arm64 kernel ${name} any more`);
  run('apt-get', [...apt, 'download', '-qq', newest], folder);
  const archive = readdirSync(folder).find((each) => each.endsWith('.deb')) ?? '';
  run('dpkg-deb', ['-x', archive, 'x'], folder);
  const image = run('find', ['x', '-name', 'vmlinuz*', '-type', 'f'], folder).trim();
  copyFileSync(join(folder, image), kernel);
  run('rm', ['-rf', 'x', archive], folder);
  return kernel;
}

function buildInit(): string {
  const initrd = join(CACHE, 'initrd.gz');
  if (existsSync(initrd) && statSync(initrd).mtimeMs > statSync(SOURCE).mtimeMs) return initrd;
  process.stderr.write('oracle: building /init\n');
  const root = join(CACHE, 'root');
  mkdirSync(join(root, 'dev'), { recursive: true });
  run('aarch64-linux-gnu-gcc', ['-O1', '-Wall', '-static', '-pthread', '-o', join(root, 'init'), SOURCE]);
  run('sh', ['-c', `find . | cpio -o -H newc --quiet | gzip > ${initrd}`], root);
  return initrd;
}

/** Versions are said by the kernel itself, in the oracle's command Y; the package's name only leads to one. */
export function run(command: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 600_000,
    maxBuffer: 1 << 26,
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
}
