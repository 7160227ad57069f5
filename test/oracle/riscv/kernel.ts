import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bootable, CACHE, run } from '../kernels.ts';

const FOLDER = join(CACHE, 'riscv64');
const INIT = fileURLToPath(
  new URL(
    import.meta.url.includes('/dist/test/') ? '../../../../test/oracle/riscv/init.c' : './init.c',
    import.meta.url,
  ),
);
const KEY = 'signed-by=/usr/share/keyrings/debian-archive-keyring.gpg';

/** Of each thing that is fetched: the package's name, the architecture, and the suite of Debian that has the package. */
const PACKAGES = {
  image: { name: /^linux-binary-7\.2\.\d+\+deb\d+-riscv64$/, arch: 'riscv64', suite: 'sid' },
  modules: { name: /^linux-modules-7\.2\.\d+\+deb\d+-riscv64$/, arch: 'riscv64', suite: 'sid' },
  // The APLIC of QEMU 7.2 loses levels in MSI mode: Linux's console stands still.
  emulator: { name: /^qemu-system-riscv$/, arch: 'amd64', suite: 'bookworm-backports' },
  firmware: { name: /^opensbi$/, arch: 'amd64', suite: 'bookworm' },
} as const;

/** Fetches kernel, module, emulator and firmware, and builds /init, unless that was done before. @throws Error that names the failed step */
export function prepareRiscv(): Bootable {
  mkdirSync(FOLDER, { recursive: true });
  if (!existsSync('/usr/bin/riscv64-linux-gnu-gcc'))
    run('apt-get', [
      ...[
        'install',
        '-y',
        '-qq',
        '--no-install-recommends',
        'gcc-riscv64-linux-gnu',
        'libc6-dev-riscv64-cross',
      ],
      ...['linux-libc-dev-riscv64-cross', 'qemu-system-arm', 'cpio', 'xz-utils'],
    ]);
  for (const part of Object.keys(PACKAGES) as (keyof typeof PACKAGES)[]) fetchPart(part);
  const find = (part: keyof typeof PACKAGES, name: string) =>
    run('find', [join(FOLDER, part), '-name', name, '-type', 'f'])
      .trim()
      .split('\n')[0] ?? '';
  return {
    kernel: find('image', 'vmlinuz*'),
    initrd: buildInit(find('modules', 'kvm.ko.xz')),
    patienceMs: 600_000,
    emulator: find('emulator', 'qemu-system-riscv64'),
    machine: [
      ...[
        '-machine',
        'virt,aia=aplic-imsic',
        '-cpu',
        'rv64,h=true',
        '-m',
        '768',
        '-nodefaults',
        '-display',
        'none',
      ],
      ...['-serial', 'stdio', '-bios', find('firmware', 'fw_dynamic.bin')],
      ...['-append', 'console=ttyS0 rdinit=/init quiet nowatchdog'],
    ],
  };
}

function fetchPart(part: keyof typeof PACKAGES): void {
  const folder = join(FOLDER, part);
  if (existsSync(folder)) return;
  const { name, arch, suite } = PACKAGES[part];
  process.stderr.write(`oracle: fetching ${part}\n`);
  const lists = join(FOLDER, `apt-${suite}-${arch}`);
  for (const each of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(lists, each), { recursive: true });
  writeFileSync(
    join(lists, 'sources.list'),
    `deb [arch=${arch} ${KEY}] http://deb.debian.org/debian ${suite} main\n`,
  );
  const apt = [
    `Dir::Etc::sourcelist=${join(lists, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(lists, 'lists')}`,
    'Dir::State::status=/dev/null',
    `Dir::Cache=${join(lists, 'cache')}`,
    `APT::Architecture=${arch}`,
    `APT::Architectures=${arch}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  run('apt-get', [...apt, 'update', '-qq']);
  const newest = run('apt-cache', [...apt, 'pkgnames'])
    .split('\n')
    .filter((each) => name.test(each))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
  if (newest === undefined) throw new Error(`Debian ${suite} has no package ${name.source} any more`);
  const archives = join(FOLDER, `deb-${part}`);
  mkdirSync(archives, { recursive: true });
  run('apt-get', [...apt, 'download', '-qq', newest], archives);
  const archive = readdirSync(archives).find((each) => each.endsWith('.deb')) ?? '';
  run('dpkg-deb', ['-x', join(archives, archive), folder]);
  run('rm', ['-rf', archives]);
}

function buildInit(module: string): string {
  const initrd = join(FOLDER, 'initrd.gz');
  if (existsSync(initrd) && statSync(initrd).mtimeMs > statSync(INIT).mtimeMs) return initrd;
  process.stderr.write('oracle: building /init\n');
  const root = join(FOLDER, 'root');
  mkdirSync(join(root, 'dev'), { recursive: true });
  run('riscv64-linux-gnu-gcc', ['-O1', '-Wall', '-static', '-o', join(root, 'init'), INIT]);
  run('sh', ['-c', `xz -dc ${module} > ${join(root, 'kvm.ko')}`]);
  run('sh', ['-c', `find . | cpio -o -H newc --quiet | gzip > ${initrd}`], root);
  return initrd;
}
